"""An event as a webhook posts it, or as the Events API lists it.

Source: user manual, "Webhook payloads" and "Event structure". Fields are added without
notice and any may be null, so nothing is required but that it is an event at all.
"""

import time
from dataclasses import dataclass
from typing import Any

from .errors import MalformedPayload
from .event_log import event_time, message_id_of

# Where the reader was is nobody's business by default.
_LATEST = 4102444800.0  # the year 2100: an absurd date must not break the calendar
_PERSONAL = ("ip", "geolocation")


@dataclass(frozen=True)
class EventPost:
    """What an event says, in the names of ``mailgun.event``.

    :param occurred_at: seconds since 1970
    :param payload: the event itself, without what is personal
    """

    event_id: str
    event: str
    severity: str
    reason: str
    recipient: str
    message_id: str
    occurred_at: float
    payload: dict


def read_event(payload: Any) -> EventPost:
    """Read the body of a webhook's post.

    :raise MalformedPayload: it is no event
    """
    data = _data(payload)
    if data is None:
        raise MalformedPayload(
            "this is no event, and this address takes events: forward mail to "
            "/mailgun/inbound/mime"
        )
    return event_of(data)


def event_of(data: dict) -> EventPost:
    """Return what an event of the Events API, or of a webhook, says."""
    return EventPost(
        event_id=_text(data, "id"),
        event=_text(data, "event"),
        severity=_text(data, "severity"),
        reason=_text(data, "reason"),
        recipient=_text(data, "recipient").lower(),
        message_id=message_id_of(data),
        occurred_at=min(event_time(data) or time.time(), _LATEST),
        payload=_storable({key: data[key] for key in data if key not in _PERSONAL}),
    )


def domain_of(payload: Any) -> str | None:
    """Return the name of the domain that a post says it is about, or None."""
    data = _data(payload)
    domain = data.get("domain") if data else None
    name = domain.get("name") if isinstance(domain, dict) else None
    return name if isinstance(name, str) and name else None


def _data(payload: Any) -> dict | None:
    data = payload.get("event-data") if isinstance(payload, dict) else None
    return data if isinstance(data, dict) else None


def _storable(value: Any) -> Any:
    """Return JSON that PostgreSQL takes: no NUL, no half of a surrogate pair."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_storable(one) for one in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(value[key]) for key in value}
    return value


def _text(data: dict, key: str) -> str:
    value = data.get(key)
    return _storable(value) if isinstance(value, str) else ""
