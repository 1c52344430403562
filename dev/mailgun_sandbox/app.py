"""The application: API, control side and pages on one port."""

import asyncio

import aiohttp
from aiohttp import web

from .access import SANDBOX
from .api import (
    account,
    domains,
    events,
    logs,
    messages,
    routes,
    stored,
    suppressions,
    webhooks,
)
from .control import calls, fault_answers, setup
from .memory.state import Sandbox
from .traffic.posting import CLIENT, HELD, TASKS
from .world import pages

# The API's own limit is 52.4 MiB; injected mail may be larger.
MAX_BODY = 200 * 1024 * 1024

_PARTS = (
    account,
    domains,
    events,
    logs,
    routes,
    stored,
    webhooks,
    messages,
    stored,
    suppressions,
    fault_answers,
    setup,
    calls,
    pages,
)


def make_app(sandbox: Sandbox) -> web.Application:
    """Return the application for a state."""
    app = web.Application(
        client_max_size=MAX_BODY, middlewares=[_count, fault_answers.strike]
    )
    app[SANDBOX] = sandbox
    app[TASKS], app[HELD] = set(), []
    app.cleanup_ctx.append(_background)
    for part in _PARTS:
        part.add_routes(app)
    return app


@web.middleware
async def _count(request: web.Request, handler):
    """Count requests and connections, so that a test can see keep-alive at work.

    The address that was called goes into the URLs that Mailgun would give.
    """
    sandbox = request.app[SANDBOX]
    sandbox.requests += 1
    sandbox.url = str(request.url.origin())
    sandbox.peers.add(request.transport.get_extra_info("peername"))
    return await handler(request)


async def _background(app: web.Application):
    """Hold the HTTP client, and stop the posts under way at the end."""
    app[CLIENT] = aiohttp.ClientSession()
    yield
    for task in list(app[TASKS]):
        task.cancel()
    await asyncio.gather(*app[TASKS], return_exceptions=True)
    await app[CLIENT].close()
