"""Domains and their DNS records (API reference, "Domains")."""

from email.utils import formatdate

from aiohttp import web

from ..access import SANDBOX, check_account, check_management, page, refuse, serve
from ..memory.state import Domain

_SPAM_ACTIONS = ("disabled", "block", "tag")
_FLAGS = (
    "require_tls",
    "skip_verification",
    "use_automatic_sender_security",
    "wildcard",
)
_TEXTS = ("spam_action", "web_prefix", "web_scheme")


async def get_domains(request: web.Request) -> web.Response:
    """List the domains of the region and the account."""
    region, account = check_account(request)
    query = request.query
    found = [
        domain
        for domain in request.app[SANDBOX].domains.values()
        if domain.region == region
        and (domain.account == account or query.get("include_subaccounts") == "true")
        and query.get("state", domain.state) == domain.state
        and query.get("search", "").lower() in domain.name
    ]
    items = [_domain(domain) for domain in page(request, found)]
    return web.json_response({"total_count": len(found), "items": items})


async def get_domain(request: web.Request) -> web.Response:
    """Return a domain with its records."""
    return web.json_response(_with_records(check_management(request)))


async def put_domain(request: web.Request) -> web.Response:
    """Change settings of a domain."""
    domain, form = check_management(request), await request.post()
    if form.get("spam_action", "disabled") not in _SPAM_ACTIONS:
        raise refuse(400, "Invalid spam action")
    for name in _TEXTS:
        if name in form:
            domain.settings[name] = form[name]
    for name in _FLAGS:
        if name in form:
            domain.settings[name] = form[name].lower() in ("true", "yes", "1")
    if domain.settings.get("use_automatic_sender_security"):
        domain.secure_automatically()
    answer = {"message": "Domain has been updated", **_with_records(domain)}
    return web.json_response(answer)


async def put_verify(request: web.Request) -> web.Response:
    """Look at the records again."""
    domain = check_management(request)
    domain.verify()
    return web.json_response(
        {"message": "Domain DNS records have been updated", **_with_records(domain)}
    )


async def get_tracking(request: web.Request) -> web.Response:
    """Return the tracking settings: all off, as for a new domain."""
    check_management(request)
    tracking = {
        "open": {"active": False, "place_at_the_top": False},
        "click": {"active": False},
        "unsubscribe": {"active": False, "html_footer": "", "text_footer": ""},
        "web_scheme": "http",
    }
    return web.json_response({"tracking": tracking})


def _domain(domain: Domain) -> dict:
    shown = {
        "created_at": formatdate(domain.created_at, usegmt=True),
        "id": domain.id,
        "is_disabled": bool(domain.disabled),
        "name": domain.name,
        "require_tls": False,
        "skip_verification": False,
        "smtp_login": f"postmaster@{domain.name}",
        "spam_action": "disabled",
        "state": domain.state,
        "type": "custom",
        "use_automatic_sender_security": False,
        "web_prefix": "email",
        "web_scheme": "http",
        "wildcard": False,
        **domain.settings,
    }
    if domain.disabled:
        shown["disabled"] = {
            "code": "",
            "note": "",
            "permanently": False,
            "reason": domain.disabled,
        }
    return shown


def _with_records(domain: Domain) -> dict:
    receiving = [one.as_json() for one in domain.dns if one.kind == "MX"]
    sending = [one.as_json() for one in domain.dns if one.kind != "MX"]
    return {
        "domain": _domain(domain),
        "receiving_dns_records": receiving,
        "sending_dns_records": sending,
    }


def add_routes(app: web.Application) -> None:
    """Serve both regions."""
    # Mailgun's own client asks by the older address.
    for version in ("v3", "v4"):
        domains = f"/{version}/domains"
        serve(app, "GET", domains, get_domains)
        serve(app, "GET", f"{domains}/{{domain}}", get_domain)
        serve(app, "PUT", f"{domains}/{{domain}}", put_domain)
        serve(app, "PUT", f"{domains}/{{domain}}/verify", put_verify)
    serve(app, "GET", "/v3/domains/{domain}/tracking", get_tracking)
