"""``POST /v1/analytics/logs`` (API reference, "Logs"): the record of the whole account.

Its entries are events in another spelling, as recorded in June 2025: "@timestamp" in
ISO 8601, variables as a text, and where a message is kept as a list.
"""

import base64
import email.utils
import json
import time
from datetime import datetime, timezone

from aiohttp import web

from ..access import SANDBOX, check_account, refuse, serve
from ..memory.state import Event
from .events import check_way

_MAX_LIMIT = 100
_ATTRIBUTES = ("domain", "tag", "subaccount")


async def post_logs(request: web.Request) -> web.Response:
    """Return a page of what a query finds."""
    region, account = check_account(request)
    check_way(request, "logs")
    query = await request.json()
    start = _time(query, "start", time.time() - 24 * 3600)
    end = _time(query, "end", time.time() + 1)
    conditions = _conditions(query)
    sandbox = request.app[SANDBOX]
    until = min(end, time.time() - sandbox.faults.event_lag)
    found = [
        event
        for event in sandbox.events
        if start <= event.at <= until
        and event.domain in sandbox.domains
        and (sandbox.domains[event.domain].region == region)
        and (sandbox.domains[event.domain].account == account)
        and (not query.get("events") or event.data["event"] in query["events"])
        and all(_passes(event, condition) for condition in conditions)
    ]
    asked = query.get("pagination", {})
    newest_first = asked.get("sort", "timestamp:desc").endswith(":desc")
    found.sort(key=lambda event: (event.at, event.number), reverse=newest_first)
    return _page(asked, found, start, end)


def _page(asked: dict, found: list[Event], start: float, end: float) -> web.Response:
    limit = asked.get("limit", _MAX_LIMIT)
    if not isinstance(limit, int) or not 0 < limit <= _MAX_LIMIT:
        raise refuse(400, f"'limit' attribute is invalid: max is {_MAX_LIMIT}")
    begin = int(base64.b64decode(asked["token"])) if asked.get("token") else 0
    pagination = {
        "first": _token(0),
        "next": _token(begin + limit),
        "last": _token(max(0, len(found) - limit)),
        "total": len(found),
    }
    return web.json_response(
        {
            "start": email.utils.formatdate(start),
            "end": email.utils.formatdate(end),
            "items": [_entry(event) for event in found[begin : begin + limit]],
            "pagination": pagination,
            "aggregates": {},
        }
    )


def _token(position: int) -> str:
    return base64.b64encode(str(position).encode()).decode()


def _entry(event: Event) -> dict:
    entry = {**event.data}
    moment = datetime.fromtimestamp(entry.pop("timestamp"), timezone.utc)
    entry["@timestamp"] = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
    entry["user-variables"] = json.dumps(entry.get("user-variables") or {})
    storage = entry.get("storage")
    if isinstance(storage, dict):
        entry["storage"] = {**storage, "url": [storage["url"]]}
    return entry


def _conditions(query: dict) -> list[dict]:
    conditions = (query.get("filter") or {}).get("AND", [])
    for condition in conditions:
        if condition.get("attribute") not in _ATTRIBUTES:
            name = condition.get("attribute")
            raise refuse(400, f"'{name}' is not a valid filter predicate attribute")
    return conditions


def _passes(event: Event, condition: dict) -> bool:
    wanted = {value["value"] for value in condition["values"]}
    have = {
        "domain": {event.domain},
        "tag": set(event.data.get("tags") or ()),
        "subaccount": {""},
    }[condition["attribute"]]
    return bool(have & wanted) == (condition["comparator"] == "=")


def _time(query: dict, name: str, default: float) -> float:
    if not query.get(name):
        return default
    try:
        return email.utils.parsedate_to_datetime(query[name]).timestamp()
    except ValueError:
        raise refuse(400, f"'{name}' attribute is invalid") from None


def add_routes(app: web.Application) -> None:
    """Serve both regions."""
    serve(app, "POST", "/v1/analytics/logs", post_logs)
