"""Mail that Mailgun has kept: which events tell of it, and how to get its bytes.

A route with ``store()`` keeps the mail for some days and tells so by a ``stored``
event, one with ``forward()`` by an ``accepted`` event that names the route (user
manual, "Store and retrieve"; API reference, "Events").
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import ApiError, MalformedPayload, RefusedMessage
from ..mailgun_url import trusted_origin
from ..mime.inbound import InboundPost
from .client import MailgunClient
from .event_log import EventLog, Query, event_key, message_id_of

# Mailgun's events about mail from outside.
_TYPES = ("stored", "accepted")


@dataclass(frozen=True)
class StoredMail:
    """Mail that came in, as an event tells.

    :param key: tells it from others, and is the same whenever it is read
    :param message_id: in angle brackets; "" when the mail has none
    :param recipients: envelope recipients
    :param url: where the mail is, "" when it is not kept
    """

    key: str
    message_id: str
    recipients: tuple[str, ...]
    url: str


class MailNotKept(RefusedMessage):
    """Mailgun keeps mail for some days only, and the days are over."""


def find_stored(log: EventLog, begin: float, end: float) -> Iterator[StoredMail]:
    """Yield the mail that came in between two times, oldest first.

    :param begin: seconds since 1970
    :param end: seconds since 1970
    :raise ApiError: the events cannot be read
    """
    for event in log.read(Query(begin, end, _TYPES)):
        recipients = _recipients(event)
        if recipients:
            key = "/".join(map(str, event_key(event)))
            yield StoredMail(key, message_id_of(event), recipients, _url(event))


def fetch(client: MailgunClient, mail: StoredMail) -> InboundPost:
    """Get a mail that Mailgun has kept, as it came.

    The address is used as given: stored mail lives on hosts of its own (mailgun-go#64).

    :raise MailNotKept: it is gone
    :raise ApiError: it cannot be had now
    :raise MalformedPayload: what was answered is no mail
    """
    if not mail.url:
        raise MailNotKept("Mailgun has not kept this mail.", 404)
    try:
        body = client.call(
            "GET", mail.url, headers={"Accept": "message/rfc2822"}, timeout=60
        )
    except ApiError as error:
        if error.status == 404:
            raise MailNotKept(
                f"The mail is no longer kept at {trusted_origin(mail.url)}.",
                404,
                error.detail,
            ) from error
        raise
    raw, sender = body.get("body-mime"), body.get("sender")
    if not isinstance(raw, str) or not raw.strip():
        raise MalformedPayload("Mailgun answered without the mail")
    return InboundPost.from_raw(
        raw.encode("utf-8", "surrogateescape"),
        sender if isinstance(sender, str) else "",
        mail.recipients,
    )


def _url(event: dict) -> str:
    storage = event.get("storage")
    found = storage.get("url") if isinstance(storage, dict) else ""
    return found if isinstance(found, str) else ""


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
