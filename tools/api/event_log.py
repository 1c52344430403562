"""Reading what happened: Mailgun's record of events, apart from any model.

The record is written late and out of order: an event may show up half an hour after it
happened (user manual, "Events", "Event polling"; mailgun-php#720). A reader that comes
again therefore looks at the last stretch once more and leaves out what it knows; that
is what :class:`Window` is for. Who reads once, for one message, needs only
:meth:`EventLog.find`.

Mailgun calls the Events API old and has a Logs API beside it. What differs is how a
page is fetched; a class with the same ``pages`` can take the place of
:class:`EventsApi`.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from .client import MailgunClient, path

LATE_SECONDS = 30 * 60
# A time from here on is in milliseconds: in seconds it would be the year 5138.
_MILLISECONDS = 1e11
_PAGE = 300  # the largest that the Events API gives


@dataclass(frozen=True)
class Query:
    """What is looked for; several types of event are joined by "or".

    :param begin: seconds since 1970, inclusive
    :param end: seconds since 1970, inclusive
    """

    begin: float
    end: float
    types: tuple[str, ...] = ()
    message_id: str = ""
    recipient: str = ""


class EventPages(Protocol):
    """Where pages of events come from."""

    def pages(self, query: Query) -> Iterator[list[dict]]:
        """Yield the events found, oldest first, a page at a time."""


class EventsApi:
    """``GET /v3/{domain}/events`` (API reference, "Events").

    :param client: with an API key; a sending key may not read events
    """

    def __init__(self, client: MailgunClient, domain: str):
        self._client = client
        self._domain = domain

    def pages(self, query: Query) -> Iterator[list[dict]]:
        """Yield the events found, oldest first, a page at a time."""
        parameters = {
            "begin": f"{query.begin:.3f}",
            "end": f"{query.end:.3f}",
            "ascending": "yes",
            "limit": _PAGE,
            "event": " OR ".join(query.types),
            "message-id": query.message_id.strip("<>"),
            "recipient": query.recipient,
        }
        chosen = {name: value for name, value in parameters.items() if value}
        address, options = path("/v3/{}/events", self._domain), {"params": chosen}
        while True:
            body = self._client.call("GET", address, self._domain, **options)
            items = body.get("items")
            if not items or not isinstance(items, list):
                # There is always a next page; an empty one is the last.
                return
            yield [one for one in items if isinstance(one, dict)]
            # The address of the next page holds the whole query.
            address, options = next_page(body), {}
            if not address:
                return


class EventLog:
    """Asks for events in the words of its callers.

    :param source: where pages come from
    """

    def __init__(self, source: EventPages):
        self._source = source

    def read(self, query: Query) -> Iterator[dict]:
        """Yield each event once, oldest first.

        A page may repeat the end of the one before when events are written meanwhile.
        """
        seen = set()
        for page in self._source.pages(query):
            for event in page:
                key = event_key(event)
                if key not in seen:
                    seen.add(key)
                    yield event

    def find(
        self, message_id: str, since: float, until: float, types: Iterable[str] = ()
    ) -> list[dict]:
        """Return what is known of one message, oldest first.

        :param message_id: with or without angle brackets
        :param since: seconds since 1970
        :param until: seconds since 1970
        """
        query = Query(since, until, tuple(types), message_id=message_id)
        return list(self.read(query))


@dataclass(frozen=True)
class Window:
    """The stretch of time to look at, when looking again and again.

    :param begin: seconds since 1970
    :param end: seconds since 1970
    :param cursor: where the next window starts counting from
    """

    begin: float
    end: float
    cursor: float

    @classmethod
    def after(cls, cursor: float, now: float, late: float = LATE_SECONDS) -> "Window":
        """Return the window that follows a cursor.

        It begins ``late`` seconds before the cursor, for what was written late, and
        the cursor moves no further than what may be called complete.

        :param cursor: of the window before, seconds since 1970
        """
        return cls(begin=cursor - late, end=now, cursor=max(cursor, now - late))

    def cut(self, reached: float, late: float = LATE_SECONDS) -> float:
        """Return the cursor when only a part was read, so that the next goes on there.

        :param reached: when the last event that was read happened
        :param late: as of ``after``
        """
        return min(reached + late, self.cursor)


def event_key(event: dict) -> tuple[str, str, int]:
    """Return what tells events apart: ids are unique within a day only (manual)."""
    day = int(event_time(event) // 86400)
    return str(event.get("id", "")), str(event.get("event", "")), day


def event_time(event: dict) -> float:
    """Return when an event happened, in seconds since 1970; 0 when it does not say."""
    timestamp = event.get("timestamp")
    if isinstance(timestamp, bool) or not isinstance(timestamp, int | float | str):
        return 0.0
    try:
        seconds = float(timestamp)
    except (OverflowError, ValueError):
        return 0.0
    if abs(seconds) >= _MILLISECONDS:
        seconds /= 1000
    return seconds if math.isfinite(seconds) else 0.0


def message_id_of(event: dict) -> str:
    """Return the Message-Id in angle brackets, as Odoo keeps it; "" if there is none.

    Events carry it without brackets, the answer to a sent message with them.
    """
    found: Any = event
    for key in ("message", "headers"):
        found = found.get(key) if isinstance(found, dict) else None
    names = found if isinstance(found, dict) else {}
    values = (names[name] for name in names if str(name).lower() == "message-id")
    found = next(values, None)
    text = found.strip().strip("<>") if isinstance(found, str) else ""
    return f"<{text}>" if text else ""


def next_page(body: dict) -> str:
    """Return the address of the page that follows, "" when the answer names none."""
    paging = body.get("paging")
    found = paging.get("next") if isinstance(paging, dict) else ""
    return found if isinstance(found, str) else ""
