"""When to try again, in whichever way Mailgun says it.

Seen: "try again after Sat, 01 Jan 2022 00:00:00 UTC", "try again after 120 seconds",
"enabled in 341 seconds", "disabled until Tue, 23 Oct 2018 08:42:36 GMT",
``Retry-After``, ``X-RateLimit-Reset`` in milliseconds (API overview) or in seconds
(mailgun-go), ``{"retry-seconds": 60}`` (Webhooks API).
"""

import email.utils
import re
from collections.abc import Mapping
from typing import Any

_SECONDS = re.compile(
    r"(?:try again (?:after|in)|enabled in) ([0-9.]{1,12}) ?(sec|s|min|m|h)", re.I
)
_DATE = re.compile(
    r"(?:try again after|disabled until) (\w{3}, .{0,40}? \d\d:\d\d:\d\d(?: \S+)?)",
    re.I,
)
_UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}
# A larger number is milliseconds: as seconds it would be in the year 5138.
_MILLISECONDS_FROM = 1e11


def retry_at(detail: str, body: Any, headers: Mapping[str, str], now: float) -> float:
    """Return when to try again in seconds since 1970, or 0 when nothing says so.

    :param detail: Mailgun's words
    :param body: the JSON that was answered
    :param headers: of the answer
    :param now: seconds since 1970
    """
    found = (
        _from_date(detail)
        or _from_seconds(detail, now)
        or _after(body.get("retry-seconds") if isinstance(body, dict) else None, now)
        or _from_header(headers.get("Retry-After"), now)
        or _epoch(headers.get("X-RateLimit-Reset"))
    )
    return found if found > now else 0.0


def _from_date(text: str) -> float:
    found = _DATE.search(text)
    return _date(found[1]) if found else 0.0


def _date(text: str) -> float:
    try:
        # "UTC" is no zone of RFC 2822, and a date without zone means the same here.
        return email.utils.parsedate_to_datetime(
            re.sub(r"( UTC)?\.?$", " +0000", text)
            if not re.search(r"([+-]\d{4}|GMT)\.?$", text)
            else text.rstrip(".")
        ).timestamp()
    except (ValueError, TypeError, OverflowError, OSError):
        return 0.0


def _from_seconds(text: str, now: float) -> float:
    found = _SECONDS.search(text)
    return _after(found[1], now, _UNITS[found[2].lower()]) if found else 0.0


def _from_header(text: str | None, now: float) -> float:
    return _after(text, now) or (_date(text) if text else 0.0)


def _after(seconds: Any, now: float, unit: int = 1) -> float:
    found = _number(seconds)
    return now + found * unit if found else 0.0


def _epoch(value: Any) -> float:
    found = _number(value)
    return found / 1000 if found > _MILLISECONDS_FROM else found


def _number(value: Any) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return 0.0
    return found if 0 < found < 1e15 else 0.0
