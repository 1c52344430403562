"""What a query for events asks for (user manual, "Events": ranges and filters)."""

import email.utils
import re
from dataclasses import dataclass

from ..access import refuse
from ..memory.state import Event

MAX_LIMIT = 300

_FIELDS = {
    "event": lambda data: [data["event"]],
    "severity": lambda data: [data.get("severity", "")],
    "recipient": lambda data: [data.get("recipient", "")],
    "recipients": lambda data: data["message"].get("recipients", []),
    "message-id": lambda data: [data["message"]["headers"]["message-id"]],
    "tags": lambda data: data.get("tags", []),
    "from": lambda data: [data["message"]["headers"].get("from", "")],
    "to": lambda data: [data["message"]["headers"].get("to", "")],
    "subject": lambda data: [data["message"]["headers"].get("subject", "")],
}
# A word in these is enough; the others must be equal.
_TEXTS = ("from", "to", "subject")


@dataclass
class Query:
    """A range of time, a direction, and filters.

    :param ascending: oldest first
    """

    low: float | None
    high: float | None
    ascending: bool
    limit: int
    filters: dict[str, str]

    def picks(self, event: Event) -> bool:
        """Tell whether an event is in the range and passes the filters."""
        if self.low is not None and event.at < self.low:
            return False
        if self.high is not None and event.at > self.high:
            return False
        return all(
            _passes(name, text, event.data) for name, text in self.filters.items()
        )


def parse(given: dict[str, str]) -> Query:
    """Read a query.

    :raise web.HTTPException: 400 for what Mailgun would not understand
    """
    begin, end = (_time(given, name) for name in ("begin", "end"))
    if "ascending" in given:
        ascending = given["ascending"] in ("yes", "true")
    else:
        ascending = begin is not None and (end is None or begin <= end)
    if begin is not None and end is not None:
        low, high = min(begin, end), max(begin, end)
    elif ascending:
        low, high = begin, end
    else:
        # Without an end the direction says which side of "begin" is meant.
        low, high = None, begin if begin is not None else end
    filters = {name: given[name] for name in _FIELDS if given.get(name)}
    return Query(low, high, ascending, _limit(given), filters)


def _time(given: dict[str, str], name: str) -> float | None:
    """Read epoch seconds or an RFC 2822 date."""
    text = given.get(name)
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except ValueError:
        raise refuse(400, f"'{name}' parameter is not a valid date") from None


def _limit(given: dict[str, str]) -> int:
    text = given.get("limit", "100")
    if not text.isdigit() or not 0 < int(text) <= MAX_LIMIT:
        raise refuse(400, f"'limit' parameter is not in the range 1..{MAX_LIMIT}")
    return int(text)


def _passes(name: str, text: str, data: dict) -> bool:
    """Tell whether a field matches ``a OR b``, ``a AND b``, ``NOT a``."""
    values = [value.lower() for value in _FIELDS[name](data)]
    return any(
        all(_term(name, term, values) for term in re.split(r"\s+AND\s+", choice))
        for choice in re.split(r"\s+OR\s+", text.strip())
    )


def _term(name: str, term: str, values: list[str]) -> bool:
    term = term.strip().strip("()")
    wanted = re.sub(r"^NOT\s+", "", term)
    word = wanted.strip('"').lower()
    if name in _TEXTS:
        found = any(word in value for value in values)
    else:
        found = word in values
    return found == (wanted == term)
