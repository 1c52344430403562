"""Webhooks of a domain (API reference, "Domain webhooks" v3 and v4)."""

from urllib.parse import urlsplit

from aiohttp import web

from ..access import check_management, refuse, serve
from ..memory.state import Domain

TYPES = (
    "accepted",
    "clicked",
    "complained",
    "delivered",
    "opened",
    "permanent_fail",
    "temporary_fail",
    "unsubscribed",
)
MAX_URLS = 3


async def get_webhooks(request: web.Request) -> web.Response:
    """Return all URLs by event type."""
    return web.json_response({"webhooks": _all(check_management(request))})


async def post_webhook(request: web.Request) -> web.Response:
    """Set the URLs of a type that has none."""
    domain, form = check_management(request), await request.post()
    kind = check_types([form.get("id", "")])[0]
    if kind in domain.webhooks:
        raise refuse(400, f"Webhook for event type '{kind}' already exists", "Reason")
    domain.webhooks[kind] = _urls(form, kind)
    return _answer("Webhook has been created", domain.webhooks[kind])


async def get_webhook(request: web.Request) -> web.Response:
    """Return the URLs of a type."""
    domain, kind = _find(request)
    return web.json_response({"webhook": {"urls": domain.webhooks[kind]}})


async def put_webhook(request: web.Request) -> web.Response:
    """Replace the URLs of a type."""
    domain, kind = _find(request)
    domain.webhooks[kind] = _urls(await request.post(), kind)
    return _answer("Webhook has been updated", domain.webhooks[kind])


async def delete_webhook(request: web.Request) -> web.Response:
    """Remove a type with its URLs."""
    domain, kind = _find(request)
    return _answer("Webhook has been deleted", domain.webhooks.pop(kind))


async def post_url(request: web.Request) -> web.Response:
    """Add a URL to event types (v4)."""
    domain, form = check_management(request), await request.post()
    url, kinds = check_url(form.get("url", "")), _kinds(form)
    for kind in kinds:
        if url in domain.webhooks.get(kind, []):
            words = f"Webhook for event type '{kind}' with URL '{url}' already exists"
            raise refuse(400, words, "Reason")
    _add(domain, url, kinds)
    return web.json_response({"webhooks": _all(domain)})


async def put_url(request: web.Request) -> web.Response:
    """Replace the event types of a URL (v4)."""
    domain, form = check_management(request), await request.post()
    url, kinds = check_url(form.get("url", "")), _kinds(form)
    if not any(url in urls for urls in domain.webhooks.values()):
        raise refuse(404, "Webhook not found", "Description")
    before = {kind: list(urls) for kind, urls in domain.webhooks.items()}
    _remove(domain, url)
    try:
        _add(domain, url, kinds)
    except web.HTTPException:
        domain.webhooks = before
        raise
    return web.json_response({"webhooks": _all(domain)})


async def delete_urls(request: web.Request) -> web.Response:
    """Remove URLs, a comma list, from every type (v4)."""
    domain = check_management(request)
    for url in request.query.get("url", "").split(","):
        if not any(url in urls for urls in domain.webhooks.values()):
            raise refuse(404, "Webhook not found", "Description")
        _remove(domain, url)
    return web.json_response({"webhooks": _all(domain)})


def check_url(url: str) -> str:
    """Return a URL that Mailgun would take."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise refuse(400, f"{url} is not a valid url: host not found", "Reason")
    return url


def check_types(kinds: list[str]) -> list[str]:
    """Return event types that there are."""
    for kind in kinds or [""]:
        if kind not in TYPES:
            raise refuse(400, f"'{kind}' is not a valid event type", "Reason")
    return list(dict.fromkeys(kinds))


def check_room(urls: list[str], kind: str) -> None:
    """Refuse more URLs of a type than Mailgun allows."""
    if len(urls) > MAX_URLS:
        words = f"unable to add more than {MAX_URLS} urls for event type {kind}"
        raise refuse(409, words, "Description")


def _kinds(form) -> list[str]:
    return check_types(form.getall("event_types", []))


def _urls(form, kind: str) -> list[str]:
    urls = [check_url(url) for url in form.getall("url", [""])]
    check_room(urls, kind)
    return urls


def _add(domain: Domain, url: str, kinds: list[str]) -> None:
    for kind in kinds:
        check_room([*domain.webhooks.get(kind, []), url], kind)
    for kind in kinds:
        domain.webhooks.setdefault(kind, []).append(url)


def _remove(domain: Domain, url: str) -> None:
    left = {
        kind: [one for one in urls if one != url]
        for kind, urls in domain.webhooks.items()
    }
    domain.webhooks = {kind: urls for kind, urls in left.items() if urls}


def _find(request: web.Request) -> tuple[Domain, str]:
    domain, kind = check_management(request), request.match_info["type"]
    if kind not in domain.webhooks:
        raise refuse(404, "Webhook not found")
    return domain, kind


def _all(domain: Domain) -> dict:
    return {kind: {"urls": urls} for kind, urls in domain.webhooks.items()}


def _answer(message: str, urls: list[str]) -> web.Response:
    return web.json_response({"message": message, "webhook": {"urls": urls}})


def add_routes(app: web.Application) -> None:
    """Serve both regions."""
    old, new = "/v3/domains/{domain}/webhooks", "/v4/domains/{domain}/webhooks"
    serve(app, "GET", old, get_webhooks)
    serve(app, "POST", old, post_webhook)
    serve(app, "GET", f"{old}/{{type}}", get_webhook)
    serve(app, "PUT", f"{old}/{{type}}", put_webhook)
    serve(app, "DELETE", f"{old}/{{type}}", delete_webhook)
    serve(app, "POST", new, post_url)
    serve(app, "PUT", new, put_url)
    serve(app, "DELETE", new, delete_urls)
