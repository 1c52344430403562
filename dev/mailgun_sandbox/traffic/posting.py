"""Posts under way: sent in the background, and again when they were not taken."""

import asyncio
import io
import time
from collections.abc import Callable, Coroutine

import aiohttp
from aiohttp import web

from ..access import SANDBOX
from ..memory.state import Attempt, Post

CLIENT = web.AppKey("client", aiohttp.ClientSession)
TASKS = web.AppKey("tasks", set)
HELD = web.AppKey("held", list)

_TIMEOUT = aiohttp.ClientTimeout(total=60)


def send(
    app: web.Application, post: Post, watch: Callable[[Post], None] | None = None
) -> None:
    """Post in the background until it is taken, refused, or given up.

    :param watch: is called after each attempt
    """
    # It may have been posted before.
    post.outcome = "waiting"
    in_background(app, _until_settled(app, post, watch))


def send_reversed(app: web.Application, post: Post, seconds: float) -> None:
    """Hold a post; after some seconds all that are held go out, the newest first."""
    app[HELD].append(post)
    if len(app[HELD]) == 1:
        in_background(app, _release(app, seconds))


def in_background(app: web.Application, work: Coroutine) -> None:
    """Do something later; it ends with the application."""
    task = asyncio.get_running_loop().create_task(work)
    app[TASKS].add(task)
    task.add_done_callback(app[TASKS].discard)


async def _release(app: web.Application, seconds: float) -> None:
    await asyncio.sleep(seconds)
    posts = app[HELD][::-1]
    app[HELD].clear()
    for post in posts:
        send(app, post)
        while not post.attempts:
            await asyncio.sleep(0.01)


async def _until_settled(app: web.Application, post: Post, watch) -> None:
    sandbox = app[SANDBOX]
    event = post.shape == "event"
    schedule = sandbox.event_schedule if event else sandbox.retry_schedule
    for wait in [*schedule, None]:
        status = await _attempt(app, post)
        if 200 <= status < 300 or status == 406:
            post.outcome = "refused" if status == 406 else "taken"
            break
        if wait is None:
            post.outcome = "given up"
            break
        seconds = wait * sandbox.time_scale
        post.outcome, post.next_at = "waiting", time.time() + seconds
        if watch:
            watch(post)
        await asyncio.sleep(seconds)
    post.next_at = None
    if watch:
        watch(post)


async def _attempt(app: web.Application, post: Post) -> int:
    """Post once, the same signature as before; 0 when there was no answer."""
    headers = {"Content-Type": post.content_type, "User-Agent": "mailgun/treq-22.2.0"}
    status, text = 0, ""
    try:
        async with app[CLIENT].post(
            post.url, data=io.BytesIO(post.body), headers=headers, timeout=_TIMEOUT
        ) as response:
            status, text = response.status, (await response.text())[:500]
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        text = f"{type(error).__name__}: {error}"
    post.attempts.append(Attempt(time.time(), status, text))
    return status
