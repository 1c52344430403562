"""``GET /v4/domains/{name}`` (API reference, "Domains")."""

from aiohttp import web

from .access import check_management


async def get_domain(request: web.Request) -> web.Response:
    """Return a domain in the documented shape."""
    domain = check_management(request)
    valid = "valid" if domain.state == "active" else "unknown"
    return web.json_response(
        {
            "domain": {
                "name": domain.name,
                "state": domain.state,
                "type": "custom",
                "spam_action": "disabled",
                "smtp_login": f"postmaster@{domain.name}",
            },
            "receiving_dns_records": [
                {
                    "record_type": "MX",
                    "priority": "10",
                    "value": f"{host}.mailgun.org",
                    "valid": valid,
                }
                for host in ("mxa", "mxb")
            ],
            "sending_dns_records": [
                {
                    "record_type": "TXT",
                    "name": domain.name,
                    "value": "v=spf1 include:mailgun.org ~all",
                    "valid": valid,
                }
            ],
        }
    )


def add_routes(app: web.Application) -> None:
    """Serve both regions."""
    for prefix in ("", "/{region:eu}"):
        app.router.add_get(f"{prefix}/v4/domains/{{domain}}", get_domain)
