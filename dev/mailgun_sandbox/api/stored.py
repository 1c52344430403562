"""Stored messages (API reference, "Messages": retrieve, resend, delete)."""

import json
import time

from aiohttp import web

from ..access import SANDBOX, check_management, refuse, serve
from ..memory.state import Domain, Mail
from ..traffic import forms
from . import messages

_RAW = "message/rfc2822"


async def get_message(request: web.Request) -> web.Response:
    """Return a message in its parts, or whole when ``Accept`` asks for that."""
    _domain, mail = _find(request)
    if request.headers.get("Accept") == _RAW:
        return web.json_response({**_about(mail), "body-mime": _text(mail.raw)})
    url = request.app[SANDBOX].message_url(mail)
    return web.json_response(_parts(mail, url, _is_incoming(request, mail)))


async def get_attachment(request: web.Request) -> web.Response:
    """Return a file of a message."""
    _domain, mail = _find(request)
    files, number = _files(mail), int(request.match_info["number"])
    if number >= len(files):
        raise refuse(404, "Attachment not found")
    file = files[number]
    return web.Response(body=file.data, content_type=file.content_type)


async def post_message(request: web.Request) -> web.Response:
    """Send a message once more, to those in ``to``."""
    domain, mail = _find(request)
    form = await request.post()
    recipients = messages.recipients_of(form, ("to",))
    return messages.accept(request, domain, recipients, form, mail.raw)


async def delete_message(request: web.Request) -> web.Response:
    """Forget what a message says."""
    _domain, mail = _find(request)
    mail.is_stored = False
    return web.json_response({"message": "Message has been deleted"})


def _find(request: web.Request) -> tuple[Domain, Mail]:
    """Return domain and message of the URL.

    :raise web.HTTPException: 404 when it never was there, was deleted, or is too old
    """
    domain, sandbox = check_management(request), request.app[SANDBOX]
    oldest = time.time() - sandbox.message_ttl
    for mail in [*sandbox.mails, *sandbox.received]:
        named = (mail.domain, mail.key) == (domain.name, request.match_info["key"])
        if named and mail.is_stored and mail.accepted_at > oldest:
            return domain, mail
    raise refuse(404, "Message not found")


def _is_incoming(request: web.Request, mail: Mail) -> bool:
    return any(mail is one for one in request.app[SANDBOX].received)


def _about(mail: Mail) -> dict:
    return {
        "recipients": ", ".join(mail.recipients),
        "sender": mail.envelope_sender,
        "from": mail.sender,
        "subject": mail.subject,
    }


def _parts(mail: Mail, url: str, incoming: bool) -> dict:
    """Return a message in the documented shape, which is not that of a route's post."""
    fields, files = forms.parsed_fields(mail.raw, mail.envelope_sender, "", incoming)
    # Of a repeated header one is left.
    shown = {name: _text(value) for name, value in fields}
    for name in ("recipient", "attachment-count"):
        shown.pop(name, None)
    listed = forms.listed(files, url)
    by_name = {file.name: one for file, one in zip(files, listed, strict=True)}
    content_ids = json.loads(shown.pop("content-id-map", "{}"))
    return {
        **shown,
        **_about(mail),
        "message-headers": json.loads(shown["message-headers"]),
        "attachments": listed,
        "content-id-map": {cid: by_name[name] for cid, name in content_ids.items()},
    }


def _files(mail: Mail) -> list[forms.File]:
    return forms.parsed_fields(mail.raw, mail.envelope_sender, "")[1]


def _text(raw: bytes) -> str:
    """JSON has no bytes: what is not UTF-8 is lost."""
    return raw.decode("utf-8", "replace")


def add_routes(app: web.Application) -> None:
    """Serve both regions."""
    path = "/v3/domains/{domain}/messages/{key}"
    serve(app, "GET", path, get_message)
    serve(app, "POST", path, post_message)
    serve(app, "DELETE", path, delete_message)
    serve(app, "GET", rf"{path}/attachments/{{number:\d+}}", get_attachment)
