"""The JSON side for scripts, under ``/sandbox``. Mailgun itself has nothing of this."""

import base64
import time
from dataclasses import asdict

from aiohttp import web

from ..access import SANDBOX
from ..memory.state import Mail, Post
from ..traffic import inbound, posting
from ..world import reactions, writing


async def get_state(request: web.Request) -> web.Response:
    """Return counts, domains and keys."""
    sandbox = request.app[SANDBOX]
    return web.json_response(
        {
            "keys": asdict(sandbox.keys),
            "domains": [asdict(domain) for domain in sandbox.domains.values()],
            "routes": [asdict(route) for route in sandbox.routes],
            "mails": len(sandbox.mails),
            "posts": len(sandbox.posts),
            "waiting": sum(post.outcome == "waiting" for post in sandbox.posts),
            "events": len(sandbox.events),
            "webhooks": [asdict(one) for one in sandbox.webhooks],
            "connections": len(sandbox.peers),
            "requests": sandbox.requests,
        }
    )


async def get_mails(request: web.Request) -> web.Response:
    """Return accepted messages, oldest first; ``?mailbox=`` and ``?since=`` choose."""
    mailbox, since = request.query.get("mailbox"), int(request.query.get("since", 0))
    mails = [
        _mail(mail)
        for mail in request.app[SANDBOX].mails
        if mail.id > since and (not mailbox or mailbox in mail.reached())
    ]
    return web.json_response({"mails": mails})


def _mail(mail: Mail) -> dict:
    return {
        "id": mail.id,
        "domain": mail.domain,
        "message_id": mail.message_id,
        "from": mail.sender,
        "subject": mail.subject,
        "recipients": mail.recipients,
        "failed": sorted(mail.failed),
        "options": mail.options,
        "size": len(mail.raw),
        "accepted_at": mail.accepted_at,
    }


async def get_raw(request: web.Request) -> web.Response:
    """Return the exact bytes of an accepted message."""
    mail = find_mail(request)
    return web.Response(body=mail.raw, content_type="message/rfc822")


async def post_reply(request: web.Request) -> web.Response:
    """Answer a message: ``text``, ``from``, ``reply_all``, ``attachments``."""
    mail, wish = find_mail(request), await request.json()
    sender = wish.get("from") or default_author(request.app, mail)
    letter = writing.reply(
        mail, sender, wish["text"], _attachments(wish), wish.get("reply_all", False)
    )
    return web.json_response({"posts": post_letter(request.app, letter)})


async def post_inbound(request: web.Request) -> web.Response:
    """Write a mail from outside, as JSON fields or, with ``?recipient=``, as bytes."""
    if request.content_type == "application/json":
        wish = await request.json()
        letter = writing.Letter(
            sender=wish["sender"],
            to=wish["recipient"],
            cc=wish.get("cc", ""),
            subject=wish.get("subject", ""),
            text=wish.get("text", ""),
            attachments=_attachments(wish),
        )
        return web.json_response({"posts": post_letter(request.app, letter)})
    posts = inbound.deliver(
        request.app,
        await request.read(),
        request.query.get("sender", ""),
        request.query.getall("recipient"),
        request.query.get("shape"),
        request.query.get("encoding"),
    )
    return web.json_response({"posts": [post.id for post in posts]})


async def get_posts(request: web.Request) -> web.Response:
    """Return what was posted, with every attempt and its answer."""
    return web.json_response(
        {"posts": [_post(post) for post in request.app[SANDBOX].posts]}
    )


def _post(post: Post) -> dict:
    shown = asdict(post)
    shown["size"] = len(shown.pop("body"))
    return shown


async def post_repeat(request: web.Request) -> web.Response:
    """Post again what was posted, with the same signature."""
    number = int(request.match_info["id"])
    for post in request.app[SANDBOX].posts:
        if post.id == number:
            posting.send(request.app, post)
            return web.json_response(_post(post))
    raise web.HTTPNotFound


async def post_reset(request: web.Request) -> web.Response:
    """Forget mails, posts and events."""
    request.app[SANDBOX].reset()
    return web.json_response({"at": time.time()})


async def get_events(request: web.Request) -> web.Response:
    """Return all events, those too that the API does not show yet."""
    shown = [one.data for one in request.app[SANDBOX].events]
    return web.json_response({"events": shown})


async def post_event(request: web.Request) -> web.Response:
    """Let a recipient react: ``event``, and if wanted ``recipient`` and ``url``."""
    mail, wish = find_mail(request), await request.json()
    if wish.get("event") not in reactions.KINDS:
        raise web.HTTPBadRequest(text=f"event is one of {reactions.KINDS}")
    recipient = wish.get("recipient") or default_author(request.app, mail)
    event = reactions.react(
        request.app, mail, recipient, wish["event"], wish.get("url", "")
    )
    return web.json_response(event.data)


def find_mail(request: web.Request) -> Mail:
    """Return the message that the URL names."""
    mail = request.app[SANDBOX].mail(int(request.match_info["id"]))
    if mail is None:
        raise web.HTTPNotFound
    return mail


def default_author(app: web.Application, mail: Mail) -> str:
    """Return who answers when nobody is named: the first from outside who got it."""
    outside = [one for one in mail.recipients if not app[SANDBOX].is_ours(one)]
    return (outside or mail.recipients)[0]


def post_letter(
    app: web.Application, letter: writing.Letter, bcc: str = ""
) -> list[int]:
    """Deliver a letter to everybody in it who is on a domain here."""
    recipients = writing.addresses(letter.to, letter.cc, bcc)
    inside = [one for one in recipients if app[SANDBOX].is_ours(one)]
    (sender,) = writing.addresses(letter.sender)
    posts = inbound.deliver(app, letter.as_bytes(), sender, inside)
    return [post.id for post in posts]


def _attachments(wish: dict) -> list[writing.Attachment]:
    return [
        writing.Attachment(one["filename"], base64.b64decode(one["content"]))
        for one in wish.get("attachments", [])
    ]


def add_routes(app: web.Application) -> None:
    """Serve the control side."""
    app.router.add_get("/sandbox/state", get_state)
    app.router.add_get("/sandbox/mails", get_mails)
    app.router.add_get(r"/sandbox/mails/{id:\d+}/raw", get_raw)
    app.router.add_post(r"/sandbox/mails/{id:\d+}/reply", post_reply)
    app.router.add_post(r"/sandbox/mails/{id:\d+}/events", post_event)
    app.router.add_get("/sandbox/events", get_events)
    app.router.add_post("/sandbox/inbound", post_inbound)
    app.router.add_get("/sandbox/posts", get_posts)
    app.router.add_post(r"/sandbox/posts/{id:\d+}/repeat", post_repeat)
    app.router.add_post("/sandbox/reset", post_reset)
