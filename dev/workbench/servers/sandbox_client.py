"""The local Mailgun's control side: mailboxes of the outside world, mail from there."""

import base64

import requests

_TIMEOUT = 30


class SandboxClient:
    """Acts as people out there, who have mailboxes and write mail.

    :param url: of the running sandbox
    """

    def __init__(self, url: str):
        self.url = url
        self._http = requests.Session()
        self._http.trust_env = False

    def mails_of(self, mailbox: str) -> list[dict]:
        """Return what arrived for an address."""
        found = self._call("GET", "/sandbox/mails", params={"mailbox": mailbox})
        return found.json()["mails"]

    def reply(self, mail_id, text: str) -> None:
        """Answer a mail, as the one who got it."""
        self._call("POST", f"/sandbox/mails/{mail_id}/reply", json={"text": text})

    def write(
        self, sender: str, recipient: str, subject: str, text: str, **files: bytes
    ) -> None:
        """Send a new mail to an address at Mailgun."""
        attachments = [
            {"filename": name, "content": base64.b64encode(content).decode()}
            for name, content in files.items()
        ]
        self._call(
            "POST",
            "/sandbox/inbound",
            json={
                "sender": sender,
                "recipient": recipient,
                "subject": subject,
                "text": text,
                "attachments": attachments,
            },
        )

    def deliver(self, raw: bytes, sender: str, recipients: list[str]) -> list[int]:
        """Let a mail arrive byte for byte; return the numbers of its posts.

        :param sender: envelope sender
        :param recipients: envelope recipients, whatever the headers say
        """
        envelope = {"sender": sender, "recipient": recipients}
        found = self._call(
            "POST",
            "/sandbox/inbound",
            params=envelope,
            data=raw,
            headers={"Content-Type": "message/rfc822"},
        )
        return found.json()["posts"]

    def repeat(self, post: int) -> None:
        """Post again what was posted, with the same signature."""
        self._call("POST", f"/sandbox/posts/{post}/repeat")

    def mails(self) -> list[dict]:
        """Return everything that was sent to the outside world."""
        return self._call("GET", "/sandbox/mails").json()["mails"]

    def fail(self, **faults) -> None:
        """Let this go wrong from now on, and nothing else."""
        self._call("PUT", "/sandbox/faults", json=faults)

    def faults(self) -> dict:
        """Return what goes wrong, and how often it has."""
        return self._call("GET", "/sandbox/faults").json()

    def posts(self) -> list[dict]:
        """Return what the sandbox posted to Odoo, and how Odoo answered."""
        return self._call("GET", "/sandbox/posts").json()["posts"]

    def _call(self, method: str, path: str, **options) -> requests.Response:
        response = self._http.request(
            method, self.url + path, timeout=_TIMEOUT, **options
        )
        response.raise_for_status()
        return response
