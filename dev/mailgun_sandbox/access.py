"""Who may do what: keys, regions, and Mailgun's answers to everybody else."""

import base64
import json

from aiohttp import web

from .state import Domain, Sandbox

_ERRORS = {400: web.HTTPBadRequest, 404: web.HTTPNotFound}

SANDBOX = web.AppKey("sandbox", Sandbox)


def refuse(status: int, message: str) -> web.HTTPException:
    """Return an error in Mailgun's usual shape, to be raised."""
    body = json.dumps({"message": message})
    return _ERRORS[status](text=body, content_type="application/json")


def check_sending(request: web.Request) -> Domain:
    """Return the domain of the URL that this request may send for.

    :raise web.HTTPException: 401 for a wrong key, 404 for a domain of another region
    """
    keys = request.app[SANDBOX].keys
    _check_key(request, {keys.api, keys.sending})
    return _domain(request)


def check_management(request: web.Request) -> Domain:
    """Return the domain of the URL that this request may manage."""
    _check_key(request, {request.app[SANDBOX].keys.api})
    return _domain(request)


def _check_key(request: web.Request, allowed: set[str]) -> None:
    kind, _blank, credentials = request.headers.get("Authorization", "").partition(" ")
    expected = {base64.b64encode(f"api:{key}".encode()).decode() for key in allowed}
    if kind != "Basic" or credentials not in expected:
        # Not JSON, unlike Mailgun's other errors (mailgun-go, api docs).
        raise web.HTTPUnauthorized(text="Forbidden")


def _domain(request: web.Request) -> Domain:
    name = request.match_info["domain"].lower()
    region = request.match_info.get("region", "us")
    domain = request.app[SANDBOX].domains.get(name)
    if domain is None or domain.region != region:
        raise refuse(404, f"Domain not found: {name}")
    return domain
