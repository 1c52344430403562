"""Who answers at a public address: our endpoint, or something on the way to it.

Plain Python without the client of Mailgun: what is posted is what any stranger may
post, so neither a key nor anything else of it is part of that.
"""

import http.client
import re
import urllib.error
import urllib.request
from dataclasses import dataclass

from ..const import ENDPOINT_HEADER, PROBE_FIELD

# Seconds; whoever pressed a button waits for it.
_TIMEOUT = 10
# Of a page that was answered instead.
_MAX_BYTES = 2000
_MAX_WORDS = 100
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """What was answered.

    :param is_ours: by an endpoint of this module
    :param status: of HTTP
    :param words: the title of the page, or the first words of the text; may be ""
    """

    is_ours: bool
    status: int
    words: str = ""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Mailgun follows none, either."""

    def redirect_request(self, *_arguments, **_options):
        return None


def probe(url: str) -> Answer | None:
    """Post what nobody has signed.

    :param url: of an endpoint, as Mailgun has it
    :return: None when nothing answered: that it cannot be reached from here says
        nothing about whether Mailgun can
    """
    request = urllib.request.Request(url, f"{PROBE_FIELD}=1".encode(), method="POST")
    try:
        answer = urllib.request.build_opener(_NoRedirect).open(
            request, timeout=_TIMEOUT
        )
    except urllib.error.HTTPError as error:
        answer = error
    except (OSError, ValueError, http.client.HTTPException):
        return None
    with answer:
        is_ours = bool(answer.headers.get(ENDPOINT_HEADER))
        return Answer(is_ours, answer.status, "" if is_ours else _words_of(answer))


def _words_of(answer) -> str:
    try:
        text = answer.read(_MAX_BYTES).decode("utf-8", "replace").replace("\0", "")
    except (OSError, http.client.HTTPException):
        return ""
    title = _TITLE.search(text)
    words = title[1] if title else re.sub(r"<[^>]*>", " ", text)
    return " ".join(words.split())[:_MAX_WORDS]
