"""What belongs to the account: its signing key, and webhooks for all of its domains.

API reference, "Account management" and "Account webhooks".
"""

import time

from aiohttp import web

from ..access import SANDBOX, check_account, refuse, serve
from ..memory.state import AccountWebhook
from .webhooks import check_room, check_types, check_url


async def get_signing_key(request: web.Request) -> web.Response:
    """Return the key that signs posts to routes and webhooks, in both regions alike."""
    _region, account = check_account(request)
    key = request.app[SANDBOX].keys.signing_of(account)
    return web.json_response({"http_signing_key": key})


async def get_webhooks(request: web.Request) -> web.Response:
    """List the webhooks of region and account."""
    found = [_webhook(one) for one in _webhooks(request)]
    return web.json_response({"webhooks": found})


async def post_webhook(request: web.Request) -> web.Response:
    """Make a webhook."""
    place, form = check_account(request), await request.post()
    webhook = AccountWebhook("", [], "", *place)
    _change(webhook, form, _webhooks(request))
    request.app[SANDBOX].webhooks.append(webhook)
    return web.json_response({"webhook_id": webhook.id})


async def get_webhook(request: web.Request) -> web.Response:
    """Return a webhook."""
    return web.json_response(_webhook(_find(request)))


async def put_webhook(request: web.Request) -> web.Response:
    """Change a webhook."""
    webhook = _find(request)
    others = [one for one in _webhooks(request) if one is not webhook]
    _change(webhook, await request.post(), others)
    return web.Response(status=204)


async def delete_webhook(request: web.Request) -> web.Response:
    """Remove a webhook."""
    request.app[SANDBOX].webhooks.remove(_find(request))
    return web.Response(status=204)


async def delete_webhooks(request: web.Request) -> web.Response:
    """Remove the webhooks that ``webhook_ids`` names, a comma list."""
    wanted = request.query.get("webhook_ids", "").split(",")
    for webhook in _webhooks(request):
        if webhook.id in wanted:
            request.app[SANDBOX].webhooks.remove(webhook)
    return web.Response(status=204)


def _webhooks(request: web.Request) -> list[AccountWebhook]:
    place = check_account(request)
    return [
        one
        for one in request.app[SANDBOX].webhooks
        if (one.region, one.account) == place
    ]


def _find(request: web.Request) -> AccountWebhook:
    for webhook in _webhooks(request):
        if webhook.id == request.match_info["id"]:
            return webhook
    raise refuse(404, "Webhook not found", "Description")


def _change(webhook: AccountWebhook, form, others: list[AccountWebhook]) -> None:
    url = check_url(form.get("url", webhook.url))
    kinds = check_types(form.getall("event_types", webhook.event_types))
    for kind in kinds:
        urls = {one.url for one in others if kind in one.event_types}
        check_room([*urls, url] if url not in urls else [*urls], kind)
    webhook.url, webhook.event_types = url, kinds
    webhook.description = form.get("description", webhook.description)


def _webhook(webhook: AccountWebhook) -> dict:
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(webhook.created_at))
    return {
        "webhook_id": webhook.id,
        "description": webhook.description,
        "url": webhook.url,
        "event_types": webhook.event_types,
        "created_at": created,
    }


def add_routes(app: web.Application) -> None:
    """Serve both regions."""
    serve(app, "GET", "/v5/accounts/http_signing_key", get_signing_key)
    serve(app, "GET", "/v1/webhooks", get_webhooks)
    serve(app, "POST", "/v1/webhooks", post_webhook)
    serve(app, "DELETE", "/v1/webhooks", delete_webhooks)
    serve(app, "GET", "/v1/webhooks/{id}", get_webhook)
    serve(app, "PUT", "/v1/webhooks/{id}", put_webhook)
    serve(app, "DELETE", "/v1/webhooks/{id}", delete_webhook)
