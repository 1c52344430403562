"""A server that keeps what Mailgun posts, so that it can be read back.

``POST /RUN/ANSWERS/ANYTHING`` is kept under the name of a run and answered as the URL
says: ``500-200`` = the first post to this URL with 500, all later ones with 200.
``GET /RUN`` returns what was kept; nobody else knows the name.
"""

import asyncio
import base64
import collections
import signal
import time

from aiohttp import web

from . import names

_MAX_POSTS = 1000
_MAX_BODY = 256 * 1024

_POSTS = web.AppKey("posts", collections.deque)


def make_app() -> web.Application:
    """Return the application; the oldest posts are forgotten."""
    app = web.Application(client_max_size=_MAX_BODY)
    app[_POSTS] = collections.deque(maxlen=_MAX_POSTS)
    app.router.add_get("/{run}", _get_posts)
    app.router.add_post(r"/{run}/{answers:\d{3}(?:-\d{3})*}/{label:.+}", _take)
    return app


async def serve(host: str, port: int) -> None:
    """Serve until somebody ends it."""
    runner = web.AppRunner(make_app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    print(f"catching on http://{host}:{port}; Mailgun has to reach it by https")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await runner.cleanup()


async def _take(request: web.Request) -> web.Response:
    run = request.match_info["run"]
    if not names.is_run(run):
        raise web.HTTPNotFound
    posts = request.app[_POSTS]
    body = await request.read()
    before = sum(one["path"] == request.path for one in posts)
    answers = request.match_info["answers"].split("-")
    status = int(answers[min(before, len(answers) - 1)])
    posts.append(
        {
            "run": run,
            "path": request.path,
            "label": request.match_info["label"],
            "content_type": request.headers.get("Content-Type", ""),
            "body": base64.b64encode(body).decode(),
            "at": time.time(),
            "status": status,
        }
    )
    return web.Response(status=status, text="caught")


async def _get_posts(request: web.Request) -> web.Response:
    run = request.match_info["run"]
    found = [one for one in request.app[_POSTS] if one["run"] == run]
    return web.json_response({"posts": found})
