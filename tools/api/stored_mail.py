"""Mail that Mailgun has kept: which events tell of it, and how to get its bytes.

A route with ``store()`` keeps the mail for some days and tells so by a ``stored``
event, one with ``forward()`` by an ``accepted`` event that names the route (user
manual, "Store and retrieve"; API reference, "Events").
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...const import INBOUND_PATHS
from ..errors import MalformedPayload, NotThere
from ..mailgun_url import trusted_origin
from ..mime.inbound import InboundPost
from ..sentence import Sentence as _lt
from .client import MailgunClient
from .record import event_key, event_time, message_id_of

# Mailgun's events about mail from outside.
STORED_TYPES = ("stored", "accepted")

# Of what a page says that was answered instead.
_MAX_WORDS = 500


@dataclass(frozen=True)
class StoredMail:
    """Mail that came in, as an event tells.

    :param key: tells it from others, and is the same whenever it is read
    :param message_id: in angle brackets; "" when the mail has none
    :param recipients: envelope recipients
    :param url: where the mail is, "" when it is not kept
    :param at: when it came in, seconds since 1970
    """

    key: str
    message_id: str
    recipients: tuple[str, ...]
    url: str
    at: float = 0.0


@dataclass(frozen=True)
class RefusedPost:
    """A post of a route that was not taken, as an event tells.

    :param url: where it went
    :param status: of HTTP, 0 when there was no answer
    :param words: what was answered, or why nothing was; may be ""
    :param at: when, seconds since 1970
    """

    url: str
    status: int
    words: str
    at: float

    @property
    def sentence(self) -> _lt:
        """What happened, for a person."""
        answer = f"{self.status or ''} {self.words}".strip() or "?"
        return _lt(
            "Mailgun posted to %(url)s and was answered: %(answer)s.",
            url=self.url,
            answer=answer,
        )


class MailNotKept(NotThere):
    """Mailgun keeps mail for some days only, and the days are over."""


def stored_mail_of(event: dict) -> StoredMail | None:
    """Return the mail from outside that an event tells of, None if it does not."""
    recipients = _recipients(event)
    if not recipients:
        return None
    key = "/".join(map(str, event_key(event)))
    at = event_time(event)
    return StoredMail(key, message_id_of(event), recipients, _url(event), at)


def refused_post_of(event: dict) -> RefusedPost | None:
    """Return the post to one of our endpoints that was not taken, None for others.

    Where a route forwards to is the recipient, and what it answered the status, of an
    event like that of mail which a mail server did not take.
    """
    url = event.get("recipient")
    if event.get("event") != "failed" or not isinstance(url, str):
        return None
    if not url.lower().startswith("http") or not url.endswith(INBOUND_PATHS):
        return None
    told = event.get("delivery-status")
    told = told if isinstance(told, dict) else {}
    found = (told.get("message"), told.get("description"))
    words = next((one for one in found if isinstance(one, str) and one.strip()), "")
    return RefusedPost(url, _status(told), _one_line(words), event_time(event))


def last_refusal(events: Iterable[dict]) -> RefusedPost | None:
    """Return the last post that was not taken of those that events tell of.

    :param events: oldest first; of the same moment, the last one
    """
    found = filter(None, map(refused_post_of, events))
    return max(reversed([*found]), key=lambda post: post.at, default=None)


def _status(told: dict) -> int:
    code = told.get("code")
    is_status = isinstance(code, int) and 100 <= code < 600
    return code if is_status else 0


def _one_line(words: str) -> str:
    """Return the first line of an answer without the tags of a page."""
    text = re.sub(r"<[^>]*>", " ", words[:_MAX_WORDS])
    return next((" ".join(one.split()) for one in text.split("\n") if one.strip()), "")


def fetch(client: MailgunClient, mail: StoredMail) -> InboundPost:
    """Get a mail that Mailgun has kept, as it came.

    The address is used as given: stored mail lives on hosts of its own (mailgun-go#64).

    :raise MailNotKept: it is gone
    :raise ApiError: it cannot be had now
    :raise MalformedPayload: what was answered is no mail
    """
    if not mail.url:
        raise MailNotKept(_lt("Mailgun has not kept this mail."), 404)
    try:
        body = client.call(
            "GET", mail.url, headers={"Accept": "message/rfc2822"}, timeout=60
        )
    except NotThere as error:
        sentence = _lt(
            "The mail is no longer kept at %(host)s.", host=trusted_origin(mail.url)
        )
        raise MailNotKept(sentence, 404, error.detail) from error
    raw, sender = body.get("body-mime"), body.get("sender")
    if not isinstance(raw, str) or not raw.strip():
        raise MalformedPayload(_lt("Mailgun answered without the mail"))
    return InboundPost.from_raw(
        raw.encode("utf-8", "surrogateescape"),
        sender if isinstance(sender, str) else "",
        mail.recipients,
    )


def _url(event: dict) -> str:
    """Return where the mail is kept: a text in events, a list of texts in logs."""
    storage = event.get("storage")
    found = storage.get("url") if isinstance(storage, dict) else ""
    several = found if isinstance(found, list) else [found]
    return next((one for one in several if isinstance(one, str)), "")


def _recipients(event: dict) -> tuple[str, ...]:
    """Return whom a mail from outside was for; nothing for mail that we sent."""
    if event.get("event") == "stored":
        message = event.get("message")
        return _addresses(message.get("recipients") if isinstance(message, dict) else 0)
    # "recipient" is where the route sends it; whom it was for is in the match.
    return _addresses(
        [
            route["match"].get("recipient")
            for route in _dicts(event.get("routes"))
            if isinstance(route.get("match"), dict)
        ]
    )


def _addresses(given: Any) -> tuple[str, ...]:
    found = given if isinstance(given, list) else []
    addresses = (one.strip() for one in found if isinstance(one, str))
    return tuple(dict.fromkeys(one for one in addresses if "@" in one))


def _dicts(given: Any) -> list[dict]:
    found = given if isinstance(given, list) else []
    return [one for one in found if isinstance(one, dict)]
