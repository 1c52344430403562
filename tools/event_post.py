"""An event as a webhook posts it, or as the Events API lists it.

Source: user manual, "Webhook payloads" and "Event structure". Fields are added without
notice and any may be null, so nothing is required but that it is an event at all.
"""

import hashlib
import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..const import REFERENCE_VARIABLE
from .api.record import event_time, message_id_of, variables_of
from .delivery_state import word_of
from .errors import MalformedPayload
from .sentence import Sentence as _lt

_LATEST = 4102444800.0  # the year 2100: an absurd date must not break the calendar

# What an index of PostgreSQL takes in any script (2,700 bytes). Ids have 22 characters,
# and a Message-Id that long is none of Odoo's.
_MAX_TEXT = 500
_MAX_NAME = 100
# Mailgun's events have five levels, and may hold variables of the mail's sender.
_MAX_DEPTH = 50

# Where the reader was, and with what: nobody's business by default. Of "client-info"
# stays what tells people from machines.
_READER = ("ip", "geolocation", "client-info")
_CLIENT_KIND = ("bot", "client-type", "device-type")

# What PostgreSQL does not take, as JSON spells it: NUL, halves of surrogate pairs, and
# what is no number.
_SUSPECT = re.compile(r"\\u(0000|d[89a-f])|NaN|Infinity")


@dataclass(frozen=True)
class EventPost:
    """What an event says, in the names of ``mailgun.event``.

    :param event_id: Mailgun's, or one made of the content
    :param occurred_at: seconds since 1970
    :param payload: the event itself, without what is personal
    :param payload_json: the same as text, fit for PostgreSQL
    """

    event_id: str
    event: str
    severity: str
    reason: str
    recipient: str
    message_id: str
    occurred_at: float
    payload: dict
    payload_json: str


def read_event(payload: Any, keep_reader_details: bool = False) -> EventPost:
    """Read the body of a webhook's post.

    :param keep_reader_details: see :func:`event_of`
    :raise MalformedPayload: it is no event
    """
    data = _data(payload)
    if data is None:
        raise MalformedPayload(
            _lt(
                "this is no event, and this address takes events: forward mail to "
                "/mailgun/inbound/mime"
            )
        )
    return event_of(data, keep_reader_details)


def event_of(data: dict, keep_reader_details: bool = False) -> EventPost:
    """Return what an event of the Events API, or of a webhook, says.

    :param keep_reader_details: keep the reader's address, place and programs, too
    :raise MalformedPayload: it is nested deeper than anything that Mailgun sends
    """
    kept, text = _storable_json(data if keep_reader_details else _without_reader(data))
    return EventPost(
        event_id=_text(data, "id") or _digest(text),
        event=_storable(word_of(data, "event"))[:_MAX_NAME],
        severity=_storable(word_of(data, "severity"))[:_MAX_NAME],
        reason=_storable(word_of(data, "reason"))[:_MAX_TEXT],
        recipient=_text(data, "recipient").lower(),
        message_id=_storable(message_id_of(data))[:_MAX_TEXT],
        occurred_at=min(max(event_time(data), 0.0) or time.time(), _LATEST),
        payload=kept,
        payload_json=text,
    )


def event_or_none(data: dict, keep_reader_details: bool = False) -> EventPost | None:
    """Return what an entry of Mailgun's record says; None when it is no event.

    One such entry must not end the reading of the others.

    :param keep_reader_details: see :func:`event_of`
    """
    try:
        return event_of(data, keep_reader_details)
    except MalformedPayload:
        return None


def reference_of(data: Mapping) -> str:
    """Return our own mark on the mail that an event is about, or "".

    :param data: an event; its "user-variables" may be an object, a list or a text
    """
    found = variables_of(data).get(REFERENCE_VARIABLE)
    return found if isinstance(found, str) else ""


def origin_of(reference: str) -> str:
    """Return who has sent a mail with such a mark: the domain's identity, or ""."""
    return reference.partition(".")[0]


def domain_of(payload: Any) -> str | None:
    """Return the name of the domain that a post says it is about, or None."""
    data = _data(payload)
    domain = data.get("domain") if data else None
    name = domain.get("name") if isinstance(domain, dict) else None
    return name if isinstance(name, str) and name else None


def _data(payload: Any) -> dict | None:
    data = payload.get("event-data") if isinstance(payload, dict) else None
    return data if isinstance(data, dict) else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _without_reader(data: dict) -> dict:
    kept = {key: data[key] for key in data if key not in _READER}
    client = data.get("client-info")
    if isinstance(client, dict):
        kept["client-info"] = {
            key: client[key] for key in _CLIENT_KIND if key in client
        }
    return kept


def _storable_json(value: dict) -> tuple[dict, str]:
    """Return what PostgreSQL takes of an object, and its text."""
    try:
        text = json.dumps(value)
        # Hardly ever so, and looking at each value takes longer than all the rest.
        if _SUSPECT.search(text):
            value = _storable(value)
            text = json.dumps(value)
        if text.count("{") + text.count("[") > _MAX_DEPTH and _is_deep(value):
            raise MalformedPayload("the JSON is nested too deeply")
        return value, text
    except RecursionError:
        raise MalformedPayload(_lt("the JSON is nested too deeply")) from None


def _is_deep(value: Any) -> bool:
    """Tell whether a value is nested deeper than whoever reads it later can follow."""
    level = [value]
    for _depth in range(_MAX_DEPTH):
        found = [one for one in level if isinstance(one, dict | list)]
        level = [
            inner
            for one in found
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return bool(level)


def _storable(value: Any) -> Any:
    """Return JSON without NUL, half a surrogate pair, or what is no number."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_storable(one) for one in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(value[key]) for key in value}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _text(data: dict, key: str) -> str:
    value = data.get(key)
    return _storable(value)[:_MAX_TEXT] if isinstance(value, str) else ""
