"""What a check works with: the API, names of its own, patience."""

import time
from collections.abc import Callable
from functools import cached_property
from urllib.parse import quote

import requests

from ..servers.sentences import NotChecked, Wrong
from . import mails, names
from .api import Api
from .catches import Catches
from .findings import Findings
from .target import CATCHER, Target


class Lab:
    """One run of the checks.

    :param target: the account
    :param findings: is told what is waited for
    """

    def __init__(self, target: Target, findings: Findings):
        self.target = target
        self.domain = target.domain
        self.api = Api(target)
        self.run = names.new_run()
        # Addresses that were put on suppression lists, to be taken off again.
        self.suppressed: list[tuple[str, str]] = []
        self._findings = findings
        self._catches = Catches(f"{target.catcher}/{self.run}", target.is_sandbox)
        self._made: dict[Callable, tuple] = {}

    def close(self) -> None:
        """Give the connections back."""
        self.api.close()
        self._catches.close()

    def address(self, label: str) -> str:
        """Return an address on the domain that nobody else uses."""
        return f"{self.run}-{label}@{self.domain}"

    def message_id(self, label: str) -> str:
        """Return a Message-Id in angle brackets."""
        return f"<{self.run}.{label}@{self.domain}>"

    @staticmethod
    def path(version: str, *parts: str) -> str:
        """Return a path of the API, with its parts quoted."""
        return "/".join([f"/{version}", *(quote(one, safe="") for one in parts)])

    @property
    def messages(self) -> str:
        """Return the path that takes a finished MIME."""
        return self.path("v3", self.domain, "messages.mime")

    def post(self, label: str, to: list[str], mime: bytes, **options) -> dict:
        """Send a MIME to those in ``to``; return Mailgun's answer.

        :param options: of sending; an underscore stands for the colon
        """
        form = [("to", one) for one in to]
        form += [(name.replace("_", ":", 1), value) for name, value in options.items()]
        files = {"message": (f"{label}.mime", mime, "message/rfc822")}
        return self.api.json("POST", self.messages, data=form, files=files)

    def letter(self, label: str, to: list[str], **headers: str) -> bytes:
        """Return a plain mail of this run."""
        return mails.plain(
            self.message_id(label), self.address("sender"), to, **headers
        )

    def once(self, make: Callable):
        """Return what a function makes of this lab, made only once; so is failing."""
        if make not in self._made:
            try:
                self._made[make] = make(self), None
            except (NotChecked, Wrong, requests.RequestException) as error:
                self._made[make] = None, error
        made, error = self._made[make]
        if error:
            raise error
        return made

    def wait(self, what: str, find: Callable, enough: Callable = bool):
        """Call ``find`` until it is enough or patience ends; return the last result.

        :param what: completes "waiting for ..."
        """
        ends = time.monotonic() + self.target.patience
        while not enough(found := find()) and time.monotonic() < ends:
            self._findings.alive(f"waiting for {what}")
            time.sleep(self.target.pause)
        return found

    @cached_property
    def signing_key(self) -> str:
        """Return the key that signs posts; it is never printed."""
        body = self.api.json("GET", "/v5/accounts/http_signing_key")
        key = body["http_signing_key"]
        if not isinstance(key, str) or not key:
            raise Wrong(f"a key that is a {type(key).__name__}, or empty")
        self._findings.hide(key)
        return key

    @property
    def catches(self) -> Catches:
        """Return what the catcher has.

        :raise NotChecked: when there is none
        """
        if not self.target.catcher:
            raise NotChecked(f"{CATCHER} is not set")
        return self.once(Lab._reach_catcher)

    def catch_url(self, label: str, answers: str = "200") -> str:
        """Return a URL for Mailgun to post to.

        :param answers: statuses, see ``catcher``
        """
        return f"{self.catches.url}/{answers}/{label}"

    def _reach_catcher(self) -> Catches:
        try:
            self._catches.read()
        except (requests.RequestException, KeyError) as error:
            kind = type(error).__name__
            raise NotChecked(f"the catcher cannot be read ({kind})") from error
        return self._catches
