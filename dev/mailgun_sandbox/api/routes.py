"""Routes, which belong to the account in one region (API reference, "Routes")."""

from email.utils import formatdate

from aiohttp import web

from ..access import SANDBOX, check_account, page, refuse, serve
from ..memory.state import Route
from ..traffic import rules


async def post_route(request: web.Request) -> web.Response:
    """Make a route."""
    region, account = check_account(request)
    form = await request.post()
    if not form.get("expression"):
        raise refuse(400, "expression parameter is missing")
    route = Route("", [], region=region, account=account)
    _change(route, form)
    request.app[SANDBOX].routes.append(route)
    message = "Route has been created"
    return web.json_response({"message": message, "route": _route(route)})


async def get_routes(request: web.Request) -> web.Response:
    """List the routes of region and account."""
    found = _routes(request)
    items = [_route(route) for route in page(request, found)]
    return web.json_response({"total_count": len(found), "items": items})


async def get_route(request: web.Request) -> web.Response:
    """Return a route."""
    return web.json_response({"route": _route(_find(request))})


async def get_match(request: web.Request) -> web.Response:
    """Return the first route that an address meets."""
    address = request.query.get("address", "")
    for route in _routes(request):
        if rules.plan(route, address, lambda _name: []):
            return web.json_response({"route": _route(route)})
    raise refuse(404, "Route not found")


async def put_route(request: web.Request) -> web.Response:
    """Change what is given of a route."""
    route = _find(request)
    _change(route, await request.post())
    # Flat, unlike all other answers about a route (recorded Jan 2025).
    message = "Route has been updated"
    return web.json_response({"message": message, **_route(route)})


async def delete_route(request: web.Request) -> web.Response:
    """Remove a route."""
    route = _find(request)
    request.app[SANDBOX].routes.remove(route)
    return web.json_response({"message": "Route has been deleted", "id": route.id})


def _routes(request: web.Request) -> list[Route]:
    place = check_account(request)
    found = [
        one for one in request.app[SANDBOX].routes if (one.region, one.account) == place
    ]
    return sorted(found, key=lambda route: route.priority)


def _find(request: web.Request) -> Route:
    for route in _routes(request):
        if route.id == request.match_info["id"]:
            return route
    raise refuse(404, "Route not found")


def _change(route: Route, form) -> None:
    expression = form.get("expression", route.expression)
    actions = form.getall("action", route.actions)
    if not rules.is_expression(expression):
        raise refuse(400, f"Invalid expression: {expression}")
    for action in actions:
        if not rules.is_action(action):
            raise refuse(400, f"Invalid action: {action}")
    priority = form.get("priority", str(route.priority))
    if not priority.lstrip("-").isdigit():
        raise refuse(400, "priority parameter is not a number")
    route.expression, route.actions = expression, list(actions)
    route.priority = int(priority)
    route.description = form.get("description", route.description)


def _route(route: Route) -> dict:
    return {
        "id": route.id,
        "priority": route.priority,
        "description": route.description,
        "expression": route.expression,
        "actions": route.actions,
        "created_at": formatdate(route.created_at, usegmt=True),
    }


def add_routes(app: web.Application) -> None:
    """Serve both regions."""
    serve(app, "POST", "/v3/routes", post_route)
    serve(app, "GET", "/v3/routes", get_routes)
    serve(app, "GET", "/v3/routes/match", get_match)
    serve(app, "GET", "/v3/routes/{id}", get_route)
    serve(app, "PUT", "/v3/routes/{id}", put_route)
    serve(app, "DELETE", "/v3/routes/{id}", delete_route)
