"""The local Mailgun, seen from both sides: what it was given, what goes wrong in it."""

import email
import email.policy
from email.message import EmailMessage
from urllib.parse import quote

import requests

from ..servers.sandbox_client import SandboxClient


class Outside(SandboxClient):
    """Mailgun, and the people who get mail from it."""

    def fail(self, *requests: dict, **faults) -> None:
        """Let this go wrong from now on, and nothing else.

        :param requests: faults of requests, see ``mailgun_sandbox/README.md``
        :param faults: what is named there besides
        """
        self._call("PUT", "/sandbox/faults", json={"requests": requests, **faults})

    def mailbox_answers(self, address: str, answer: str) -> None:
        """Let a mailbox answer with "taken", "bounced" or "deferred"."""
        path = f"/sandbox/mailboxes/{quote(address)}"
        self._call("PUT", path, json={"answer": answer})

    def disable(self, domain: str, reason: str) -> None:
        """Disable a domain for a reason, or let it send again without one."""
        path = f"/sandbox/domains/{domain}"
        self._call("POST", path, json={"disabled": reason})

    def react(self, mail: dict, event: str) -> None:
        """Let whoever got a mail do something with it, such as "opened"."""
        self._call("POST", f"/sandbox/mails/{mail['id']}/events", json={"event": event})

    def raw(self, mail: dict) -> bytes:
        """Return a mail as it was handed over."""
        return self._call("GET", f"/sandbox/mails/{mail['id']}/raw").content

    def head(self, mail: dict) -> EmailMessage:
        """Return a mail as a mail program reads it."""
        return email.message_from_bytes(self.raw(mail), policy=email.policy.default)

    def given(self, subject: str) -> list[dict]:
        """Return every mail with a subject that Mailgun was given, doubles too."""
        return [mail for mail in self.mails() if mail["subject"] == subject]

    def events_of(self, mails: list[dict]) -> list[dict]:
        """Return what happened to mails."""
        keys = {mail["message_id"].strip("<>") for mail in mails}
        found = self._call("GET", "/sandbox/events").json()["events"]
        return [one for one in found if one["message"]["headers"]["message-id"] in keys]

    def forget(self) -> None:
        """Forget all mails and events, as if they had never arrived."""
        self._call("POST", "/sandbox/reset")

    def is_told(self) -> bool:
        """Tell whether Odoo has taken every event that was posted to it."""
        return not self._call("GET", "/sandbox/state").json()["waiting"]

    def set_up(self) -> list[dict]:
        """Return the routes and webhooks that there are."""
        state = self._call("GET", "/sandbox/state").json()
        return [*state["routes"], *state["webhooks"]]

    def webhooks(self, domain: str, key: str, kind: str) -> list[str]:
        """Return the URLs that are told of one type of a domain's events."""
        found = self._api("GET", f"/v3/domains/{domain}/webhooks", key).json()
        return found["webhooks"].get(kind, {}).get("urls", [])

    def suppressions(self, domain: str, kind: str, key: str) -> list[str]:
        """Return the addresses on one of a domain's lists, such as "bounces"."""
        found = self._api("GET", f"/v3/{domain}/{kind}", key).json()["items"]
        return [one["address"] for one in found]

    def lift(self, domain: str, kind: str, address: str, key: str) -> None:
        """Take an address off a list, as one does in Mailgun's control panel."""
        self._api("DELETE", f"/v3/{domain}/{kind}/{quote(address)}", key)

    def _api(self, method: str, path: str, key: str) -> requests.Response:
        return self._call(method, path, auth=("api", key))
