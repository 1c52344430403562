"""What belongs to the account itself (API reference, "Account management")."""

from aiohttp import web

from ..access import SANDBOX, check_account, serve


async def get_signing_key(request: web.Request) -> web.Response:
    """Return the key that signs posts to routes and webhooks, in both regions alike."""
    _region, account = check_account(request)
    key = request.app[SANDBOX].keys.signing_of(account)
    return web.json_response({"http_signing_key": key})


def add_routes(app: web.Application) -> None:
    """Serve both regions."""
    serve(app, "GET", "/v5/accounts/http_signing_key", get_signing_key)
