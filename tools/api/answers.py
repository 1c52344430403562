"""What an answer of Mailgun means: its content, or the error that says what to do.

The same status comes with words that ask for different things (403: the key, the whole
domain, or this one address), so the words are looked at before the status. Only what
was recorded or is documented counts as certain; ``tests/answers`` has these texts, each
with its source. Everything else is :class:`~.errors.NotUnderstood`: a proxy's page, or
JSON of another shape, says nothing about a mail.

Error texts come under different keys in different parts of the API, sometimes as plain
text or as the HTML page of a proxy (API reference, "Errors"; mailgun-js-boland#67).
"""

import html
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...const import API_URL_VARIABLE, LONGEST_WAIT
from ..errors import (
    ApiError,
    DomainBarred,
    DoubtfulError,
    LimitReached,
    NotThere,
    NotUnderstood,
    RefusedMessage,
    RefusedRecipient,
    SettingError,
    TransientError,
)
from ..sentence import Sentence as _lt
from .retry_hint import retry_at

_TEXT_KEYS = ("message", "Reason", "Description", "Error", "error")
_MAX_DETAIL = 500

# Without quotes since 2021 at the latest, with them in reports up to 2019.
_BAD_ADDRESS = re.compile(r"'?to'? parameter is not a valid address", re.I)
_STRANGER = re.compile(r"authorized recipients", re.I)
_CROWD = re.compile(r"send large batches|recipients per request", re.I)
_BARRED = re.compile(r"not allowed to send\b|account is on probation", re.I)
_NO_DOMAIN = re.compile(r"^domain not found", re.I)
_NOT_THERE = re.compile(
    r"(Route|Message|Webhook) not found"
    r"|Address not found in (bounces|unsubscribers|unsubscribes|complaints) table"
    r"|No spam complaints found for this address"
    r"|Unsubscribe event for this tag does not exist"
)
_NOT_THE_KEYS = re.compile(r"Forbidden|Rejected: IP\b")
_MISSING_FIELD = re.compile(r"'?(from|to|message)'? parameter is missing|Need at least")

_REMEDIES = (
    (
        re.compile(r"limit .*exceeded|too fast|probation", re.I),
        _lt("Wait, or have the limit raised in Mailgun's control panel."),
    ),
    (
        re.compile(r"verified|\bDNS\b", re.I),
        _lt("Enter its DNS records, see the page DNS, and press Check DNS."),
    ),
    (
        re.compile(r"activate", re.I),
        _lt("Follow the link in Mailgun's activation mail, or ask for another one."),
    ),
    (
        re.compile(r"disabled|inactiv|terminated|suspended|closed", re.I),
        _lt("Mailgun says why in its control panel; its support can lift it."),
    ),
    (
        re.compile(r""),
        _lt("Look at the state of the domain in Mailgun's control panel."),
    ),
)


@dataclass(frozen=True)
class Answer:
    """What came back, as far as it can be read.

    :param body: the JSON object, None when it is none
    :param words: of Mailgun: a text of its JSON, or all there is when that is plain
    :param is_page: not Mailgun's words but the page of whatever is between
    """

    status: int
    headers: Mapping[str, str]
    body: dict | None
    words: str
    is_page: bool = False

    @classmethod
    def of(cls, response) -> "Answer":
        """Read an answer of ``requests``; whatever it is, nothing is raised."""
        try:
            body = response.json()
        except (ValueError, RecursionError):
            body = None
        if isinstance(body, dict):
            texts = (body.get(key) for key in _TEXT_KEYS)
            words = next((one for one in texts if isinstance(one, str)), "")
            return cls(response.status_code, response.headers, body, clip(words))
        text = response.text
        is_page = "<" in text
        words = clip(_page_title(text) if is_page else text)
        return cls(response.status_code, response.headers, None, words, is_page)

    @property
    def has_shape(self) -> bool:
        """Whether this is how Mailgun gives a reason: as JSON, or in one word."""
        return bool(self.body and self.words) or self.words == "Forbidden"

    @property
    def shown(self) -> str:
        """What a sentence repeats of it."""
        return self.words or "-"

    def says(self, pattern: re.Pattern) -> bool:
        """Tell whether Mailgun's own words have a pattern."""
        return self.has_shape and bool(pattern.search(self.words))

    def retry_at(self, now: float) -> float:
        """Return when to try again, seconds since 1970; 0 when it does not say."""
        return retry_at(self.words, self.body, self.headers, now)


def clip(text: str) -> str:
    """Return a text of one line, short enough for a message and fit for PostgreSQL."""
    shown = text[: 20 * _MAX_DETAIL].replace("\0", " ")
    shown = shown.encode("utf-8", "replace").decode()
    return " ".join(shown.split())[:_MAX_DETAIL]


def content_of(response) -> dict:
    """Return the JSON object that was answered with 2xx.

    :raise NotUnderstood: it is none
    """
    answer = Answer.of(response)
    if answer.body is None and (answer.words or answer.status != 204):
        raise not_understood(answer)
    return answer.body or {}


def needed(body: Any, key: str, kind: type) -> Any:
    """Return what an answer must have, or it is none of Mailgun's.

    An empty list comes as null as well.

    :raise NotUnderstood: it has not
    """
    value = body.get(key) if isinstance(body, dict) else None
    if value is None and kind is list and isinstance(body, dict) and key in body:
        return []
    if not isinstance(value, kind):
        raise not_understood(detail=body)
    return value


def not_understood(answer: Answer | None = None, detail: Any = "") -> NotUnderstood:
    """Return the error for an answer that is not documented.

    :param detail: what was answered, when it is JSON that lacks something
    """
    words = answer.shown if answer else clip(json.dumps(detail)[:5000])
    return NotUnderstood(
        _lt(
            "Mailgun's answer (%(status)s) is not understood: %(words)s Nothing is "
            "lost, it is asked again later. If it stays so, look for a proxy between, "
            "or a wrong %(variable)s.",
            status=answer.status if answer else 200,
            words=_full(words),
            variable=API_URL_VARIABLE,
        ),
        answer.status if answer else 200,
        words,
        _near(answer.retry_at(time.time())) if answer else 0.0,
    )


def is_missing_field(error: RefusedMessage) -> bool:
    """Tell whether a message was refused for a field that every message has.

    Mailgun looks at the fields only after key and domain.
    """
    return error.status == 400 and bool(_MISSING_FIELD.match(error.detail))


@dataclass(frozen=True)
class Question:
    """What was asked, as far as the meaning of an answer depends on it.

    :param domain: "" when it was about the account
    :param region: "us" or "eu"
    :param size: bytes of the mail that was handed over; None = it was no mail
    """

    domain: str
    region: str
    size: int | None = None

    @property
    def about(self):
        """Name what it was about."""
        return self.domain or _lt("this account")


def api_error(response, asked: Question) -> ApiError:
    """Turn an answer that is not 2xx into the error that says what to do."""
    answer = Answer.of(response)
    for rule in _RULES:
        if error := rule(answer, asked):
            return error
    return not_understood(answer)


# --- the rules, in their order; each returns its error or None -----------------------


def _failure(answer, _asked):
    """Tell that it may have been done all the same.

    feedback.mailgun.com: "5xx, but the mail was sent"; what a gateway says of itself is
    only that the answer is missing.
    """
    if answer.status < 500:
        return None
    return DoubtfulError(
        _lt(
            "Mailgun, or what is before it, has trouble of its own and is asked again "
            "later (HTTP %(status)s): %(words)s",
            status=answer.status,
            words=answer.shown,
        ),
        answer.status,
        answer.words,
        _near(answer.retry_at(time.time())),
    )


def _recipient(answer, _asked):
    if answer.says(_BAD_ADDRESS):
        sentence = _lt("Mailgun refuses this address: %(words)s", words=answer.words)
    elif answer.says(_STRANGER):
        sentence = _lt(
            "Mailgun delivers only to addresses that are registered with it: %(words)s",
            words=answer.words,
        )
    else:
        return None
    return RefusedRecipient(sentence, answer.status, answer.words)


def _crowd(answer, _asked):
    if not answer.says(_CROWD):
        return None
    return RefusedMessage(
        _lt(
            "Mailgun does not let this account send to so many at once yet: %(words)s "
            "Send to fewer recipients, or ask Mailgun's support.",
            words=_full(answer.words),
        ),
        answer.status,
        answer.words,
    )


def _limit(answer, asked):
    """Tell a pause, which passes by itself, from a quota that somebody has to raise."""
    now = time.time()
    until = answer.retry_at(now)
    is_pause = answer.has_shape and until and answer.says(_BARRED)
    if answer.status not in _RETRY_STATUS and not is_pause:
        return None
    if until - now > LONGEST_WAIT:
        return DomainBarred(
            _lt(
                "Mailgun lets %(domain)s send no more for now: %(words)s Raise the "
                "limit in Mailgun's control panel, or wait until then.",
                domain=asked.about,
                words=_full(answer.words),
            ),
            answer.status,
            answer.words,
        )
    kind = TransientError if answer.status in _UNREAD_STATUS else LimitReached
    return kind(
        _lt("Mailgun asks to try again later: %(words)s", words=answer.shown),
        answer.status,
        answer.words,
        until,
    )


# What timed out before it was read, or came too early, was not obeyed (RFC 9110,
# 15.5.9; RFC 8470, 5.2).
_UNREAD_STATUS = frozenset({408, 425})
# 420 is what Mailgun sends instead of 429 at times (mailgun-java#50).
_RETRY_STATUS = frozenset({420, 429, *_UNREAD_STATUS})


def _barred(answer, asked):
    if not answer.says(_BARRED):
        return None
    found = (text for about, text in _REMEDIES if about.search(answer.words))
    return DomainBarred(
        _lt(
            "Mailgun does not let %(domain)s send: %(words)s %(remedy)s",
            domain=asked.about,
            words=_full(answer.words),
            remedy=next(found),
        ),
        answer.status,
        answer.words,
    )


def _absence(answer, asked):
    """Tell whether a route, an address or a stored mail is not there."""
    is_known = answer.body and _NOT_THERE.fullmatch(answer.words)
    if answer.status != 404 or asked.size is not None or not is_known:
        return None
    return NotThere(
        _lt("Mailgun does not have it: %(words)s", words=answer.words),
        answer.status,
        answer.words,
    )


def _setting(answer, asked):
    if answer.status == 403:
        # About a mail only what is known to be about the key; it may be the mail's.
        is_known = asked.size is None or answer.says(_NOT_THE_KEYS)
    elif answer.status == 404:
        is_known = answer.says(_NO_DOMAIN)
    else:
        is_known = answer.status in _SETTINGS
    if not is_known or not (answer.has_shape or answer.status == 407):
        return None
    sentence = _SETTINGS[answer.status].filled(
        domain=asked.about,
        region=asked.region.upper(),
        words=answer.shown.rstrip("."),
    )
    return SettingError(sentence, answer.status, answer.words)


PROXY_WANTS_PASSWORD = _lt(
    "The proxy between this server and Mailgun wants a name and a password: put them "
    "into HTTPS_PROXY, as http://name:password@host:port."
)
_SETTINGS = {
    401: _lt(
        "Mailgun does not accept the API key for %(domain)s in region %(region)s. "
        "Check that it is the API key (not the webhook signing key), that the domain "
        "is spelled as at Mailgun, and whether it is in the other region."
    ),
    402: _lt(
        "Mailgun asks to settle the account before it does this for %(domain)s: "
        "%(words)s."
    ),
    403: _lt(
        "The API key may not do this for %(domain)s: %(words)s. Use a key with the "
        "role admin, or check the list of allowed IP addresses at Mailgun."
    ),
    404: _lt(
        "Mailgun's %(region)s region does not know the domain %(domain)s. Check its "
        "spelling, and whether it was created in the other region."
    ),
    407: PROXY_WANTS_PASSWORD,
}


def _size(answer, asked):
    """Tell of a mail that something on the way finds too large; Mailgun takes 25 MB."""
    if answer.status != 413 or asked.size is None:
        return None
    return RefusedMessage(
        _lt(
            "The message has %(size)s MB, and that is too much for Mailgun or for a "
            "proxy before it (HTTP 413): %(words)s Send links instead of files, or "
            "have the proxy's limit raised.",
            size=f"{asked.size / 1024 / 1024:.1f}",
            words=_full(answer.shown),
        ),
        answer.status,
        answer.words,
    )


def _refusal(answer, _asked):
    """Tell of a request that Mailgun does not want, in its own words."""
    if answer.status != 400 or not answer.body or not answer.words:
        return None
    return RefusedMessage(
        _lt("Mailgun refuses this: %(words)s", words=answer.words),
        answer.status,
        answer.words,
    )


_RULES: tuple[Callable[[Answer, Question], ApiError | None], ...] = (
    _failure,
    _recipient,
    _crowd,
    _limit,
    _barred,
    _absence,
    _setting,
    _size,
    _refusal,
)


def _near(moment: float) -> float:
    """Return a moment that is worth waiting for, else 0."""
    return moment if moment - time.time() <= LONGEST_WAIT else 0.0


def _full(words: str) -> str:
    """Return words as a sentence that another one can follow."""
    return words if words.endswith((".", "!", "?")) else f"{words}."


def _page_title(text: str) -> str:
    """Return what an HTML page is called, or says, without its markup."""
    text = text[:100_000]
    title = re.search(r"<title[^>]*>([^<]*)", text, re.I)
    found = title[1] if title and title[1].strip() else re.sub(r"<[^>]*>", " ", text)
    return html.unescape(found)
