"""Reading what happened: Mailgun's record of events, apart from any model.

Mailgun has two ways to read it: Logs, and the older Events, which it calls deprecated.
:class:`Record` reads either; what it gives has the shape of Events, whichever it was.

The record is written late and out of order: an event may show up half an hour after it
happened (user manual, "Events", "Event polling"; mailgun-php#720). A reader that comes
again therefore looks at the last stretch once more and leaves out what it knows; that
is what :class:`Window` is for. And it is kept for some days only, by the plan: that it
knows nothing of a time proves nothing unless it reaches back that far.
"""

import json
import math
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import formatdate
from typing import Any

from ..errors import NotThere, NotUnderstood, RefusedMessage, SettingError
from .answers import needed
from .client import MailgunClient, path

LATE_SECONDS = 30 * 60
# A time from here on is in milliseconds: in seconds it would be the year 5138.
_MILLISECONDS = 1e11
# The smallest plan keeps events for a day, the largest for thirty.
SHORTEST_RETENTION = 24 * 3600
_LONGEST_RETENTION = 31 * 24 * 3600

_EVENTS_PAGE = 300  # the largest that each gives
_LOGS_PAGE = 100

# A filter has a grammar of its own, and what it makes of other characters is documented
# nowhere: for these every event of the time is looked at.
_PLAIN_ADDRESS = re.compile(r"[a-z0-9][a-z0-9._]*@[a-z0-9.-]+", re.I)


@dataclass(frozen=True)
class Query:
    """What is looked for; several types of event are joined by "or".

    :param begin: seconds since 1970, inclusive
    :param end: seconds since 1970, inclusive; 0 = until now, by Mailgun's clock
    """

    begin: float
    end: float = 0.0
    types: tuple[str, ...] = ()
    message_id: str = ""
    recipient: str = ""

    def picks(self, event: dict) -> bool:
        """Tell whether an event is what was looked for, whatever Mailgun has filtered.

        One that does not say when it happened is one.
        """
        at, message_id = event_time(event), self.message_id.strip("<>")
        return (
            (not at or self.begin <= at <= (self.end or math.inf))
            and (not self.types or event.get("event") in self.types)
            and (not message_id or message_id_of(event) == f"<{message_id}>")
            and (not self.recipient or _recipient_of(event) == self.recipient.lower())
        )


class EventsApi:
    """``GET /v3/{domain}/events`` (API reference, "Events").

    :param client: with an API key; a sending key may not read events
    """

    def __init__(self, client: MailgunClient, domain: str):
        self._client = client
        self._domain = domain

    def pages(self, query: Query) -> Iterator[list[dict]]:
        """Yield what was found, oldest first, a page at a time.

        :raise NotUnderstood: a page is none, so that nothing is proven by it
        """
        is_plain = _PLAIN_ADDRESS.fullmatch(query.recipient)
        parameters = {
            "begin": f"{query.begin:.3f}",
            "end": f"{query.end:.3f}" if query.end else "",
            "ascending": "yes",
            "limit": _EVENTS_PAGE,
            "event": " OR ".join(query.types),
            "message-id": query.message_id.strip("<>"),
            "recipient": query.recipient if is_plain else "",
        }
        chosen = {name: value for name, value in parameters.items() if value}
        address, options = path("/v3/{}/events", self._domain), {"params": chosen}
        while True:
            body = self._client.call("GET", address, self._domain, **options)
            items = needed(body, "items", list)
            needed(body, "paging", dict)
            if not items:
                # There is always a next page; an empty one is the last.
                return
            yield [one for one in items if isinstance(one, dict)]
            # The address of the next page holds the whole query.
            following, options = next_page(body), {}
            if not following or following == address:
                return
            address = following


class LogsApi:
    """``POST /v1/analytics/logs`` (API reference, "Logs").

    Of what can be filtered only the domain and tags are documented, so the rest is
    filtered here.

    :param client: with an API key
    """

    def __init__(self, client: MailgunClient, domain: str):
        self._client = client
        self._domain = domain

    def pages(self, query: Query) -> Iterator[list[dict]]:
        """Yield what was found, oldest first, a page at a time.

        :raise NotUnderstood: a page is none, so that nothing is proven by it
        """
        token = ""
        while True:
            question = self._question(query, token)
            body = self._client.call(
                "POST", "/v1/analytics/logs", self._domain, json=question
            )
            items = needed(body, "items", list)
            pagination = needed(body, "pagination", dict)
            if not items:
                return
            events = [_event_of(one) for one in items if isinstance(one, dict)]
            yield [one for one in events if self._is_mine(one)]
            before, token = token, pagination.get("next")
            if not isinstance(token, str) or token in ("", before):
                return

    def _question(self, query, token):
        value = {"label": self._domain, "value": self._domain}
        mine = {"attribute": "domain", "comparator": "=", "values": [value]}
        pagination = {"sort": "timestamp:asc", "limit": _LOGS_PAGE}
        question = {
            # Whole seconds only.
            "start": formatdate(math.floor(query.begin)),
            "filter": {"AND": [mine]},
            "include_subaccounts": False,
            "pagination": {**pagination, "token": token} if token else pagination,
        }
        if query.end:
            question["end"] = formatdate(math.ceil(query.end))
        if query.types:
            question["events"] = list(query.types)
        return question

    def _is_mine(self, event):
        domain = event.get("domain")
        name = domain.get("name") if isinstance(domain, dict) else None
        return not isinstance(name, str) or name.lower() == self._domain.lower()


SOURCES = {"logs": LogsApi, "events": EventsApi}


class Record:
    """Asks for what happened, by whichever way the account has.

    :param client: with an API key; a sending key may not read it
    :param domain: its name at Mailgun
    :param source: of ``SOURCES``; "" finds out
    :param note: is told which source was found, when it was not the given one
    :param has_time: tells after each page whether there is time for another
    :ivar is_complete: what was read last was read to its end
    :ivar reached: up to when, seconds since 1970
    """

    def __init__(
        self,
        client: MailgunClient,
        domain: str,
        source: str = "",
        note: Callable[[str], None] = lambda _source: None,
        has_time: Callable[[], bool] = lambda: True,
    ):
        self._client = client
        self._domain = domain
        self._source = source
        self._note = note
        self._has_time = has_time
        self.is_complete = False
        self.reached = 0.0

    def pages(self, query: Query) -> Iterator[list[dict]]:
        """Yield what was found page by page, oldest first, each event once.

        A page may repeat the end of the one before when events are written meanwhile.

        :raise ApiError: it cannot be read
        """
        self.is_complete, self.reached, seen = False, query.begin, set()
        for page in self._any_pages(query):
            found = filter(query.picks, page)
            new = [event for event in found if event_key(event) not in seen]
            seen.update(map(event_key, new))
            self.reached = max(self.reached, *map(event_time, page), 0.0)
            yield new
            if not self._has_time():
                return
        self.is_complete = True

    def read(self, query: Query) -> Iterator[dict]:
        """Yield each event that was found, oldest first."""
        for page in self.pages(query):
            yield from page

    def oldest(self) -> float | None:
        """Return when the oldest event happened that is kept; None if there is none."""
        query = Query(time.time() - _LONGEST_RETENTION)
        first = next(self.read(query), None)
        return event_time(first) if first else None

    def reaches(self, moment: float) -> bool:
        """Tell whether it is certain that the record still has what happened then.

        :param moment: seconds since 1970
        """
        if self._client.now() - moment < SHORTEST_RETENTION:
            return True
        oldest = self.oldest()
        return oldest is not None and oldest <= moment

    def _any_pages(self, query):
        """Yield the pages of the source; another one is looked for when it is gone."""
        source = self._source or self._find_source()
        pages = SOURCES[source](self._client, self._domain).pages(query)
        try:
            first = next(pages, None)
        except _GONE as error:
            is_gone = error.status in _GONE_STATUS
            if not is_gone or self._find_source() == source:
                raise
            pages = SOURCES[self._source](self._client, self._domain).pages(query)
            first = next(pages, None)
        if first is not None:
            yield first
            yield from pages

    def _find_source(self):
        """Ask once, Logs first: an account, a key or a gateway may not have them."""
        query = Query(time.time() - 60)
        try:
            next(LogsApi(self._client, self._domain).pages(query), None)
            source = "logs"
        except _GONE:
            next(EventsApi(self._client, self._domain).pages(query), None)
            source = "events"
        if source != self._source:
            self._source = source
            self._note(source)
        return source


# A way that an account does not have, or has no longer (402, 403: by its plan).
_GONE = (NotUnderstood, NotThere, RefusedMessage, SettingError)
_GONE_STATUS = frozenset({402, 403, 404, 410})


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
        return _iso_time(event.get("@timestamp"))
    try:
        seconds = float(timestamp)
    except (OverflowError, ValueError):
        return 0.0
    if abs(seconds) >= _MILLISECONDS:
        seconds /= 1000
    return seconds if math.isfinite(seconds) else 0.0


def _iso_time(text: Any) -> float:
    """Return the time of an entry of the Logs: "2024-07-08T16:30:18.530Z"."""
    if not isinstance(text, str):
        return 0.0
    try:
        # Python 3.10 does not know the Z.
        return datetime.fromisoformat(re.sub(r"Z$", "+00:00", text)).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def variables_of(event: Any) -> dict:
    """Return the variables of a mail: an object, in the Logs as JSON in a text."""
    found = event.get("user-variables")
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except (ValueError, RecursionError):
            return {}
    return found if isinstance(found, dict) else {}


def _event_of(entry: dict) -> dict:
    """Return an entry of the Logs in the shape of an event, as the rest of us reads it.

    What differs: "@timestamp", variables as a text, and where a mail is kept as a list.
    """
    event = {**entry, "timestamp": event_time(entry)}
    event.pop("@timestamp", None)
    if isinstance(entry.get("user-variables"), str):
        event["user-variables"] = variables_of(entry)
    storage = entry.get("storage")
    if isinstance(storage, dict) and isinstance(storage.get("url"), list):
        event["storage"] = {**storage, "url": next(iter(storage["url"]), "")}
    return event


def _recipient_of(event: dict) -> str:
    found = event.get("recipient")
    return found.lower() if isinstance(found, str) else ""


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
