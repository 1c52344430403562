"""Routes: which mail is posted where, and again when it was not taken."""

import asyncio
import io
import re
import time

import aiohttp
from aiohttp import web

from . import forms
from .access import SANDBOX
from .signing import sign
from .state import Attempt, Post, Route, Sandbox

CLIENT = web.AppKey("client", aiohttp.ClientSession)
TASKS = web.AppKey("tasks", set)

_FILTER = re.compile(r"""(match_recipient)\(\s*(["'])(.*?)\2\s*\)|(catch_all)\(\)""")
_FORWARD = re.compile(r"""forward\(\s*(["'])(.*?)\1\s*\)""")
_TIMEOUT = aiohttp.ClientTimeout(total=60)


def deliver(
    app: web.Application,
    raw: bytes,
    sender: str,
    recipients: list[str],
    shape: str | None = None,
    encoding: str | None = None,
) -> list[Post]:
    """Post a mail to the routes of each recipient, as Mailgun's MX does.

    :param sender: envelope sender, "" for a delivery report
    :param shape: "raw" or "parsed", whatever the URL says
    :param encoding: "urlencoded" or "multipart", whatever the shape says
    :return: the posts, under way
    """
    sandbox = app[SANDBOX]
    posts = []
    for recipient in recipients:
        for url in _urls(sandbox, recipient):
            content_type, body, used = _form(
                sandbox, raw, sender, recipient, shape or _shape(url), encoding
            )
            post = Post(sandbox.next_id(), url, recipient, used, content_type, body)
            sandbox.posts.append(post)
            send(app, post)
            posts.append(post)
    return posts


def send(app: web.Application, post: Post) -> None:
    """Post in the background until it is taken, refused, or given up."""
    task = asyncio.get_running_loop().create_task(_until_settled(app, post))
    app[TASKS].add(task)
    task.add_done_callback(app[TASKS].discard)


def _urls(sandbox: Sandbox, recipient: str) -> list[str]:
    urls = []
    for route in sorted(sandbox.routes, key=lambda route: route.priority):
        if not _matches(route, recipient):
            continue
        for action in route.actions:
            if found := _FORWARD.fullmatch(action.strip()):
                urls += [url.strip() for url in found[2].split(",")]
        if "stop()" in route.actions:
            break
    return urls


def _matches(route: Route, recipient: str) -> bool:
    found = _FILTER.fullmatch(route.expression.strip())
    if not found:
        return False
    return bool(found[4] or re.fullmatch(found[3], recipient, re.IGNORECASE))


def _shape(url: str) -> str:
    return "raw" if url.endswith("mime") else "parsed"


def _form(sandbox, raw, sender, recipient, shape, encoding) -> tuple[str, bytes, str]:
    if shape == "raw":
        fields, files = forms.raw_fields(raw, sender, recipient), []
    else:
        fields, files = forms.parsed_fields(raw, sender, recipient)
    signature = sign(sandbox.keys.signing)
    fields += [(name, value.encode()) for name, value in signature.items()]
    if encoding == "multipart" or files:
        return *forms.multipart(fields, files), shape
    return *forms.urlencode(fields), shape


async def _until_settled(app: web.Application, post: Post) -> None:
    sandbox = app[SANDBOX]
    for wait in [*sandbox.retry_schedule, None]:
        status = await _attempt(app, post)
        if 200 <= status < 300 or status == 406:
            post.outcome = "refused" if status == 406 else "taken"
            post.next_at = None
            return
        if wait is None:
            break
        seconds = wait * sandbox.time_scale
        post.outcome, post.next_at = "waiting", time.time() + seconds
        await asyncio.sleep(seconds)
    post.outcome, post.next_at = "given up", None


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
