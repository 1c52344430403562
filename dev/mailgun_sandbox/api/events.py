"""``GET /v3/{domain}/events`` (API reference, "Events")."""

import base64
import json
import time

from aiohttp import web

from ..access import SANDBOX, base_url, check_management, refuse, serve
from ..memory.state import Domain, Event, Sandbox
from . import event_query


async def get_events(request: web.Request) -> web.Response:
    """Return the first page of what a query finds."""
    domain = check_management(request)
    check_way(request, "events")
    return _page(request, domain, {"query": dict(request.query)})


async def get_page(request: web.Request) -> web.Response:
    """Return the page that an earlier answer gave the address of."""
    domain = check_management(request)
    check_way(request, "events")
    try:
        text = base64.urlsafe_b64decode(request.match_info["page"])
        position = json.loads(text)
        position["query"], position["at"], position["back"]
    except (ValueError, KeyError, TypeError):
        raise refuse(400, "Invalid page") from None
    return _page(request, domain, position)


def _page(request: web.Request, domain: Domain, position: dict) -> web.Response:
    query = event_query.parse(position["query"])
    found = _visible(request.app[SANDBOX], domain, query)
    at, back = position.get("at"), position.get("back", False)
    if back:
        found = [one for one in found if at is None or _is_before(one, at, query)]
        found = found[-query.limit :]
    else:
        found = [one for one in found if at is None or _is_behind(one, at, query)]
        found = found[: query.limit]
    # An empty page leads to itself: what happens later is found there.
    first, last = (_place(found[0]), _place(found[-1])) if found else (at, at)

    def address(place, back) -> str:
        data = {"query": position["query"], "at": place, "back": back}
        token = base64.urlsafe_b64encode(json.dumps(data).encode()).decode()
        return f"{base_url(request)}/v3/{domain.name}/events/{token}"

    paging = {
        "next": address(last, False),
        "previous": address(first, True),
        "first": address(None, False),
        "last": address(None, True),
    }
    items = [one.data for one in found]
    return web.json_response({"items": items, "paging": paging})


def check_way(request: web.Request, way: str) -> None:
    """Refuse a way to the record that the account does not have.

    :raise web.HTTPException: 410
    """
    if way not in request.app[SANDBOX].record_ways:
        raise web.HTTPGone(text="Gone")


def _visible(sandbox: Sandbox, domain: Domain, query: event_query.Query) -> list[Event]:
    until = time.time() - sandbox.faults.event_lag
    found = [
        event
        for event in sandbox.events
        if event.domain == domain.name and event.at <= until and query.picks(event)
    ]
    return sorted(found, key=_place, reverse=not query.ascending)


def _place(event: Event) -> list:
    return [event.at, event.number]


def _is_behind(event: Event, at: list, query: event_query.Query) -> bool:
    return _place(event) > at if query.ascending else _place(event) < at


def _is_before(event: Event, at: list, query: event_query.Query) -> bool:
    return _place(event) < at if query.ascending else _place(event) > at


def add_routes(app: web.Application) -> None:
    """Serve both regions."""
    serve(app, "GET", "/v3/{domain}/events", get_events)
    serve(app, "GET", "/v3/{domain}/events/{page}", get_page)
