"""Mailgun's API, with answers as they come."""

import re
from urllib.parse import urlsplit

import requests

from ..servers.sentences import NotChecked, Wrong
from .target import Target

_TIMEOUT = 60
# Where Mailgun keeps stored messages; the key goes nowhere else.
_TRUSTED = re.compile(r"https://([a-z0-9-]+\.)+mailgun\.(net|org)/[!-~]*")


class Api:
    """Calls the API of one account.

    :param target: whose it is
    """

    def __init__(self, target: Target):
        self._url = target.url
        self._domain = target.domain
        # The first answer of each kind: by call, status and kind of words.
        self.met: dict[tuple, str] = {}
        self._http = requests.Session()
        self._http.auth = ("api", target.key)
        # A proxy for the outside world has no business on this machine.
        self._http.trust_env = not target.is_sandbox

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def call(self, method: str, address: str, **options) -> requests.Response:
        """Return an answer, whatever it is.

        :param address: a path of the API, or a URL that Mailgun gave
        :raise NotChecked: when Mailgun is out of order, or wants fewer requests
        """
        url = self._url + address if address.startswith("/") else address
        request = self._http.prepare_request(requests.Request(method, url, **options))
        # Parsers differ, so it is the address that is asked in the end.
        if not self._is_trusted(request.url):
            raise Wrong(f"a URL that is not Mailgun's: {url}")
        settings = self._http.merge_environment_settings(
            request.url, {}, None, None, None
        )
        response = self._http.send(
            request, timeout=_TIMEOUT, allow_redirects=False, **settings
        )
        self._note(method, urlsplit(url).path, response)
        if response.status_code in (402, 420, 429) or response.status_code >= 500:
            raise NotChecked(f"{method} {urlsplit(url).path}: {described(response)}")
        return response

    def _note(self, method: str, path: str, response: requests.Response) -> None:
        """Keep an answer for the report, of many alike the first."""
        shape = re.sub(r"/[^/]*(@|%40|\d)[^/]*", "/…", path.replace(self._domain, "{}"))
        shape = re.sub(r"^/…", path[:3], shape)
        words = re.sub(r"\d+", "0", response.text[:60]) if not response.ok else ""
        head = {
            name: value
            for name, value in response.headers.items()
            if name.lower().startswith(("content-type", "retry", "x-rate", "www-auth"))
        }
        text = f"{method} {shape} {response.status_code} {head} {response.text[:1500]}"
        key = method, shape, response.status_code, words
        self.met.setdefault(key, " ".join(text.split()))

    def json(self, method: str, address: str, status: int = 200, **options) -> dict:
        """Return the object of an answer that must have a status.

        :raise Wrong: when it has another one, or is no object
        """
        response = self.call(method, address, **options)
        return json_of(response, status)

    def _is_trusted(self, url: str) -> bool:
        return url.startswith(f"{self._url}/") or bool(_TRUSTED.fullmatch(url))


def json_of(response: requests.Response, status: int = 200) -> dict:
    """Return the object in an answer that must have a status.

    :raise Wrong: when it has another one, or is no object
    :raise NotChecked: when the key has not the right
    """
    if response.status_code == 403:
        raise NotChecked(f"the key has no right to it: {described(response)}")
    body = response.json() if response.status_code == status else None
    if not isinstance(body, dict):
        raise Wrong(described(response))
    return body


def described(response: requests.Response) -> str:
    """Return status, type and beginning of an answer, for people."""
    kind = response.headers.get("Content-Type", "no type").partition(";")[0]
    return f"{response.status_code} {kind} {response.text[:200]!r}"
