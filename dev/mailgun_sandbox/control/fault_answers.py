"""Requests that fail on purpose, and the control side of it."""

import asyncio
import json
import time
from dataclasses import asdict
from email.utils import formatdate

from aiohttp import web

from ..access import SANDBOX, refuse, subject
from ..memory import faults

_PROXY_TROUBLE = (
    "<!DOCTYPE html>\n<html>\n<head><title>api.mailgun.net | {0}</title></head>\n"
    "<body><h1>Error code {0}</h1></body>\n</html>\n"
)
_BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n"
    "<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


@web.middleware
async def strike(request: web.Request, handler):
    """Let a request wait or fail; what is not the API is left alone."""
    path, now = subject(request), time.monotonic()
    found = [
        fault
        for fault in request.app[SANDBOX].faults.requests
        if path and fault.strikes(path, request.method, now)
    ]
    answering = next((fault for fault in found if fault.answer), None)
    for fault in found:
        fault.struck += bool(fault.delay or fault is answering)
    await asyncio.sleep(sum(fault.delay for fault in found))
    if answering is None:
        return await handler(request)
    if answering.answer == "closed":
        request.transport.abort()
        return web.Response()
    if answering.obeyed or answering.answer in faults.OBEYED:
        response = await handler(request)
    if answering.answer in faults.OBEYED:
        return _distort(request, response, answering.answer)
    raise _answer(request, path, answering)


def _distort(
    request: web.Request, response: web.Response, answer: int | str
) -> web.Response:
    """Return what arrives of the answer to a request that was obeyed."""
    if answer == "lost":
        request.transport.abort()
        return response
    body = json.loads(response.body)
    if answer == "no id":
        body.pop("id", None)
        return web.json_response(body, status=response.status)
    return web.json_response(body, status=answer)


def _answer(request: web.Request, path: str, fault: faults.Fault) -> web.HTTPException:
    """Return an error in the words that the API has for it."""
    if fault.words:
        return refuse(fault.answer, fault.words)
    if fault.answer == 502:
        return web.HTTPBadGateway(text=_BAD_GATEWAY, content_type="text/html")
    if fault.answer in faults.PROXY:
        return _proxy_trouble(fault.answer)
    if fault.answer in (420, 429):
        return _limited(request, path, fault)
    words = {402: "Request failed", 500: "Internal Server Error"}
    return refuse(fault.answer, words[fault.answer])


def _proxy_trouble(status: int) -> web.HTTPException:
    """Return what a proxy says; aiohttp has no class for these statuses."""

    class ProxyTrouble(web.HTTPServerError):
        status_code = status

    text = _PROXY_TROUBLE.format(status)
    return ProxyTrouble(reason="", text=text, content_type="text/html")


def _limited(request: web.Request, path: str, fault: faults.Fault) -> web.HTTPException:
    until = time.time() + fault.retry_after
    if path.startswith("messages"):
        kind = "recipient" if fault.answer == 420 else "request"
        date = formatdate(until, usegmt=True).replace("GMT", "UTC")
        words = (
            f"Domain {request.match_info['domain']} is not allowed to send: "
            f"{kind} limit exceeded, try again after {date}"
        )
    else:
        words = (
            "account-requests-per-sec limit exceeded, "
            f"try again after {fault.retry_after} seconds"
        )
    refusal = refuse(fault.answer, words)
    # The time in milliseconds ("API overview").
    for name, value in {
        "Limit": fault.per_second or 1,
        "Remaining": 0,
        "Reset": int(until * 1000),
    }.items():
        refusal.headers[f"X-RateLimit-{name}"] = str(value)
    return refusal


async def get_faults(request: web.Request) -> web.Response:
    """Return what goes wrong, with the counts that are left."""
    return web.json_response(asdict(request.app[SANDBOX].faults))


async def put_faults(request: web.Request) -> web.Response:
    """Let this go wrong from now on, and nothing else."""
    try:
        request.app[SANDBOX].faults = faults.parse(await request.json())
    except ValueError as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    return await get_faults(request)


def add_routes(app: web.Application) -> None:
    """Serve the control side."""
    app.router.add_get("/sandbox/faults", get_faults)
    app.router.add_put("/sandbox/faults", put_faults)
