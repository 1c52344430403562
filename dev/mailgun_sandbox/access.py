"""Who may do what: keys, regions, and Mailgun's answers to everybody else."""

import base64
import json

from aiohttp import web

from .state import Domain, Sandbox

SANDBOX = web.AppKey("sandbox", Sandbox)

MAX_PAGE = 1000


class _Refusal(web.HTTPException):
    """An error with any status; aiohttp has a class for each."""

    def __init__(self, status: int, body: str):
        self.status_code = status
        super().__init__(text=body, content_type="application/json")


def refuse(status: int, message: str, key: str = "message") -> web.HTTPException:
    """Return an error in Mailgun's usual shape, to be raised.

    :param key: not every part of the API calls it "message"
    """
    return _Refusal(status, json.dumps({key: message}))


def check_sending(request: web.Request) -> Domain:
    """Return the domain of the URL that this request may send for.

    :raise web.HTTPException: 401 for a wrong key, 404 for a domain of another region
    """
    keys = request.app[SANDBOX].keys
    if not _has_key(request, {keys.api, keys.sending}):
        # Not JSON, unlike Mailgun's other errors (mailgun-go, api docs).
        raise web.HTTPUnauthorized(text="Forbidden")
    domain = _domain(request)
    if domain is None:
        raise refuse(404, f"Domain not found: {request.match_info['domain'].lower()}")
    return domain


def check_management(request: web.Request) -> Domain:
    """Return the domain of the URL that this request may manage."""
    check_account(request)
    domain = _domain(request)
    if domain is None:
        raise refuse(404, "Domain not found")
    return domain


def check_account(request: web.Request) -> tuple[str, str]:
    """Return region and sub-account ("" = the account itself) to be managed.

    :raise web.HTTPException: 401 without the API key
    """
    if not _has_key(request, {request.app[SANDBOX].keys.api}):
        raise refuse(401, "Invalid private key")
    return region(request), _account(request)


def region(request: web.Request) -> str:
    """Return the region whose address was called."""
    return request.match_info.get("region", "us")


def base_url(request: web.Request) -> str:
    """Return the address of the region that was called, for URLs in answers."""
    return f"{request.url.origin()}{'/eu' if region(request) == 'eu' else ''}"


def page(request: web.Request, found: list) -> list:
    """Return the part of a list that ``skip`` and ``limit`` ask for."""
    skip, limit = (_number(request, *one) for one in (("skip", 0), ("limit", 100)))
    if limit > MAX_PAGE:
        raise refuse(400, f"The 'limit' parameter can't be larger than {MAX_PAGE}")
    return found[skip : skip + limit]


def serve(app: web.Application, method: str, path: str, handler) -> None:
    """Serve region "us" at the root and region "eu" below /eu."""
    for prefix in ("", "/{region:eu}"):
        app.router.add_route(method, prefix + path, handler)


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isdigit():
        raise refuse(400, f"The '{name}' parameter is not a number")
    return int(text)


def _has_key(request: web.Request, allowed: set[str]) -> bool:
    kind, _blank, credentials = request.headers.get("Authorization", "").partition(" ")
    expected = {base64.b64encode(f"api:{key}".encode()).decode() for key in allowed}
    return kind == "Basic" and credentials in expected


def _account(request: web.Request) -> str:
    return request.headers.get("X-Mailgun-On-Behalf-Of", "")


def _domain(request: web.Request) -> Domain | None:
    domain = request.app[SANDBOX].domains.get(request.match_info["domain"].lower())
    if domain and (domain.region, domain.account) == (
        region(request),
        _account(request),
    ):
        return domain
    return None
