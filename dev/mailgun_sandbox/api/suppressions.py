"""Suppression lists of a domain (API reference, "Suppressions")."""

import json
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from ..access import base_url, check_management, limit, refuse, serve
from ..memory.state import Domain

MAX_BATCH = 1000


@dataclass(frozen=True)
class _Words:
    """How the API speaks about a list.

    :param added: for several addresses
    """

    added: str
    missing: str
    removed: str
    cleared: str


_WORDS = {
    "bounces": _Words(
        "addresses have been added to the bounces table",
        "Address not found in bounces table",
        "Bounced address has been removed",
        "Bounced addresses for this domain have been removed",
    ),
    "complaints": _Words(
        "complaint addresses have been added to the complaints table",
        "No spam complaints found for this address",
        "Spam complaint has been removed",
        "Complaint addresses for this domain have been removed",
    ),
    "unsubscribes": _Words(
        "addresses have been added to the unsubscribes table",
        "Address not found in unsubscribers table",
        "Unsubscribe event has been removed",
        "Unsubscribe addresses for this domain have been removed",
    ),
    "whitelists": _Words(
        "",
        "Address/Domain not found in allowlist table",
        "Allowlist address/domain has been removed",
        "Allowlist addresses/domains for this domain have been removed",
    ),
}


async def get_list(request: web.Request) -> web.Response:
    """Return a page of a list, in the order of the addresses."""
    domain, name, entries = _list(request)
    query, length = request.query, limit(request)
    kind, at = query.get("page", "first"), query.get("address", "").lower()
    term = query.get("term", "").lower()
    keys = sorted(key for key in entries if key.startswith(term))
    if kind == "next":
        keys = [key for key in keys if key > at]
    elif kind == "previous":
        keys = [key for key in keys if key < at]
    keys = keys[-length:] if kind in ("previous", "last") else keys[:length]

    def address(kind: str, at: str) -> str:
        fields = {"page": kind, "address": at, "limit": length, "term": term}
        given = urlencode({name: value for name, value in fields.items() if value})
        return f"{base_url(request)}/v3/{domain.name}/{name}?{given}"

    # An empty page leads to itself.
    first, last = (keys[0], keys[-1]) if keys else (at, at)
    paging = {
        "first": address("first", ""),
        "next": address("next", last),
        "previous": address("previous", first),
        "last": address("last", ""),
    }
    return web.json_response(
        {"items": [entries[key] for key in keys], "paging": paging}
    )


async def post_entries(request: web.Request) -> web.Response:
    """Add one address, a form, or several, a JSON array."""
    domain, name, _entries = _list(request)
    if request.content_type == "application/json":
        added = await _batch(request)
        message = f"{len(added)} {_WORDS[name].added}"
        answer = {"message": message}
    else:
        added = [dict(await request.post())]
        message = f"Address has been added to the {name} table"
        answer = {"message": message, "address": added[0].get("address")}
    for one in added:
        if "@" not in str(one.get("address", "")):
            raise refuse(400, "'address' parameter is not a valid address")
    for one in added:
        domain.suppressed.add(name, one)
    return web.json_response(answer)


async def post_allowed(request: web.Request) -> web.Response:
    """Put an address or a domain on the allowlist."""
    domain, form = check_management(request), await request.post()
    kind = "domain" if form.get("domain") else "address"
    value = form.get(kind, "")
    if not value:
        raise refuse(400, "Either 'address' or 'domain' parameter is required")
    domain.suppressed.allow(kind, value, form.get("reason", ""))
    message = "Address/Domain has been added to the allowlists table"
    return web.json_response({"message": message, "type": kind, "value": value})


async def delete_list(request: web.Request) -> web.Response:
    """Empty a list."""
    _domain, name, entries = _list(request)
    entries.clear()
    return web.json_response({"message": _WORDS[name].cleared})


async def get_entry(request: web.Request) -> web.Response:
    """Return one entry."""
    _domain, name, entries = _list(request)
    return web.json_response(entries[_key(request, name, entries)])


async def delete_entry(request: web.Request) -> web.Response:
    """Remove one entry."""
    _domain, name, entries = _list(request)
    entry = entries.pop(_key(request, name, entries))
    shown = "value" if "value" in entry else "address"
    return web.json_response({"message": _WORDS[name].removed, shown: entry[shown]})


def _list(request: web.Request) -> tuple[Domain, str, dict[str, dict]]:
    domain, name = check_management(request), request.match_info["list"]
    return domain, name, getattr(domain.suppressed, name)


def _key(request: web.Request, name: str, entries: dict) -> str:
    key = request.match_info["address"].lower()
    if key not in entries:
        raise refuse(404, _WORDS[name].missing)
    return key


async def _batch(request: web.Request) -> list[dict]:
    try:
        given = await request.json()
    except json.JSONDecodeError:
        given = None
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise refuse(400, "Invalid JSON")
    if len(given) > MAX_BATCH:
        raise refuse(400, f"Batch size should be less than {MAX_BATCH}")
    return given


def add_routes(app: web.Application) -> None:
    """Serve both regions."""
    path = f"/v3/{{domain}}/{{list:{'|'.join(_WORDS)}}}"
    serve(app, "POST", "/v3/{domain}/whitelists", post_allowed)
    serve(app, "GET", path, get_list)
    serve(app, "POST", path, post_entries)
    serve(app, "DELETE", path, delete_list)
    serve(app, "GET", f"{path}/{{address}}", get_entry)
    serve(app, "DELETE", f"{path}/{{address}}", delete_entry)
