"""The outside world as pages: its mailboxes, a Reply form, a form for new mail."""

import email
import email.policy
import time
from pathlib import Path

import jinja2
from aiohttp import web

from ..access import SANDBOX
from ..control import calls
from ..traffic import posting
from . import reactions, writing

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["clock"] = lambda at: time.strftime("%H:%M:%S", time.localtime(at))


async def index(request: web.Request) -> web.Response:
    """Show mailboxes, the form for new mail, and what was posted."""
    sandbox = request.app[SANDBOX]
    return _page(
        "index.html",
        boxes=sandbox.mailboxes(),
        posts=list(reversed(sandbox.posts)),
        domains=sandbox.domains.values(),
    )


async def mail_page(request: web.Request) -> web.Response:
    """Show one mail with a form to answer it."""
    mail = calls.find_mail(request)
    message = email.message_from_bytes(mail.raw, policy=email.policy.default)
    html, plain = message.get_body(("html",)), message.get_body(("plain",))
    return _page(
        "mail.html",
        mail=mail,
        reactions=reactions.KINDS,
        events=request.app[SANDBOX].events_of(mail),
        author=calls.default_author(request.app, mail),
        headers=list(message.items()),
        html=html.get_content() if html else "",
        text=plain.get_content() if plain else "",
        files=[part.get_filename() for part in message.iter_attachments()],
    )


async def reply_form(request: web.Request) -> web.Response:
    """Answer a mail from its page."""
    mail, form = calls.find_mail(request), await request.post()
    letter = writing.reply(
        mail,
        form["from"],
        form["text"].replace("\r\n", "\n"),
        _uploads(form),
        "reply_all" in form,
    )
    calls.post_letter(request.app, letter)
    raise web.HTTPSeeOther("/#posts")


async def event_form(request: web.Request) -> web.Response:
    """Open, click, unsubscribe or complain from a mail's page."""
    mail, form = calls.find_mail(request), await request.post()
    if form["event"] not in reactions.KINDS:
        raise web.HTTPBadRequest
    reactions.react(request.app, mail, form["recipient"], form["event"])
    raise web.HTTPSeeOther(f"/mails/{mail.id}")


async def write_form(request: web.Request) -> web.Response:
    """Write a new mail from the first page."""
    form = await request.post()
    letter = writing.Letter(
        form["from"],
        form["to"],
        form["subject"],
        form["text"].replace("\r\n", "\n"),
        form.get("cc", ""),
        _uploads(form),
    )
    calls.post_letter(request.app, letter, form.get("bcc", ""))
    raise web.HTTPSeeOther("/#posts")


async def repeat_form(request: web.Request) -> web.Response:
    """Post something again from the first page."""
    number = int(request.match_info["id"])
    for post in request.app[SANDBOX].posts:
        if post.id == number:
            posting.send(request.app, post)
    raise web.HTTPSeeOther("/#posts")


def _uploads(form) -> list[writing.Attachment]:
    return [
        writing.Attachment(file.filename, file.file.read(), file.content_type)
        for file in form.getall("files", [])
        if isinstance(file, web.FileField) and file.filename
    ]


def _page(name: str, **values) -> web.Response:
    text = _TEMPLATES.get_template(name).render(**values)
    return web.Response(text=text, content_type="text/html")


def add_routes(app: web.Application) -> None:
    """Serve the pages."""
    app.router.add_get("/", index)
    app.router.add_post("/write", write_form)
    app.router.add_get(r"/mails/{id:\d+}", mail_page)
    app.router.add_post(r"/mails/{id:\d+}/reply", reply_form)
    app.router.add_post(r"/mails/{id:\d+}/events", event_form)
    app.router.add_post(r"/posts/{id:\d+}/repeat", repeat_form)
