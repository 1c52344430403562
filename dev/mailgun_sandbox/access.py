"""Who may do what: keys, regions, and Mailgun's answers to everybody else."""

import json
import re

import aiohttp
from aiohttp import web

from .memory.keys import Key
from .memory.state import Domain, Sandbox

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

    :raise web.HTTPException: 401 for a wrong key and for a domain that it does not
        know in this region, 403 for a key without the right
    """
    key, domain = _key(request), _domain(request)
    if key and key.domain in ("", request.match_info["domain"].lower()):
        _check_right(request, key)
        if domain:
            return domain
    # Not JSON, unlike Mailgun's other errors, and the same for both since 2021.
    challenge = {"WWW-Authenticate": 'Basic realm="MG API"'}
    raise web.HTTPUnauthorized(text="Forbidden", headers=challenge)


def check_management(request: web.Request) -> Domain:
    """Return the domain of the URL that this request may manage."""
    check_account(request)
    domain = _domain(request)
    if domain is None:
        raise refuse(404, "Domain not found")
    return domain


def check_account(request: web.Request) -> tuple[str, str]:
    """Return region and sub-account ("" = the account itself) to be managed.

    :raise web.HTTPException: 401 for a key that is not the account's, 403 for one
        without the right
    """
    key = _key(request)
    if key is None or key.domain:
        raise refuse(401, "Invalid private key")
    _check_right(request, key)
    return region(request), _account(request)


def region(request: web.Request) -> str:
    """Return the region whose address was called."""
    return request.match_info.get("region", "us")


def base_url(request: web.Request) -> str:
    """Return the address of the region that was called, for URLs in answers."""
    return f"{request.url.origin()}{'/eu' if region(request) == 'eu' else ''}"


def subject(request: web.Request) -> str:
    """Return the part of an API's URL that says what it is about.

    "messages.mime", "events", "routes/ID", "domains" for the domains themselves; ""
    for what is not the API.
    """
    found = re.fullmatch(r"(?:/eu)?/v\d/(.+)", request.path)
    parts = found[1].split("/") if found else []
    if parts and parts[0] == "domains" and len(parts) > 2:
        del parts[0]
    if parts and parts[0] == request.match_info.get("domain"):
        del parts[0]
    return "/".join(parts)


def page(request: web.Request, found: list) -> list:
    """Return the part of a list that ``skip`` and ``limit`` ask for."""
    skip, length = _number(request, "skip", 0), limit(request)
    return found[skip : skip + length]


def limit(request: web.Request) -> int:
    """Return how long a page shall be."""
    wanted = _number(request, "limit", 100)
    if wanted > MAX_PAGE:
        raise refuse(400, f"The 'limit' parameter can't be larger than {MAX_PAGE}")
    return wanted


def serve(app: web.Application, method: str, path: str, handler) -> None:
    """Serve region "us" at the root and region "eu" below /eu."""
    for prefix in ("", "/{region:eu}"):
        app.router.add_route(method, prefix + path, handler)


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isdigit():
        raise refuse(400, f"The '{name}' parameter is not a number")
    return int(text)


def _key(request: web.Request) -> Key | None:
    try:
        shown = aiohttp.BasicAuth.decode(request.headers.get("Authorization", ""))
    except ValueError:
        return None
    return request.app[SANDBOX].key(shown.password) if shown.login == "api" else None


def _check_right(request: web.Request, key: Key) -> None:
    if not key.allows(request.method, subject(request)):
        raise refuse(403, "Forbidden")


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
