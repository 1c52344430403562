"""``POST /v3/{domain}/messages`` and ``/messages.mime`` (API reference, "Messages")."""

import email
import email.policy
import email.utils
import json
import re
import secrets
from email.message import EmailMessage

from aiohttp import web

from ..access import SANDBOX, check_sending, refuse, serve
from ..memory.state import Domain, Mail
from ..traffic import delivery

MAX_RECIPIENTS = 1000
MAX_OPTIONS = 16 * 1024
MAX_MESSAGE = 25 * 1024 * 1024

_NO_TEXT = (
    "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified"
)
_NO_FILE = "'message' parameter is not a file"
_OPTION = re.compile(r"[ohvt]:.+")
_WELL_FORMED_ID = re.compile(r"<[^<>@\s]+@[^<>@\s]+>")


async def post_mime(request: web.Request) -> web.Response:
    """Take a finished message; ``to`` alone says who gets it."""
    domain = check_sending(request)
    try:
        form = await request.post()
    except UnicodeDecodeError:
        # Only a file may have bytes that are no text.
        raise refuse(400, _NO_FILE) from None
    recipients = recipients_of(form, ("to",))
    if not form.get("message"):
        raise refuse(400, "message parameter is missing")
    message = form["message"]
    # "Not a file" is documented as refused, and mailgun.js sends text in a field.
    is_file = isinstance(message, web.FileField)
    raw = message.file.read() if is_file else message.encode()
    return accept(request, domain, recipients, form, raw)


async def post_fields(request: web.Request) -> web.Response:
    """Take a message described by fields, and make it."""
    domain = check_sending(request)
    form = await request.post()
    if not form.get("from"):
        raise refuse(400, "from parameter is missing")
    recipients = recipients_of(form, ("to", "cc", "bcc"))
    if not any(form.get(name) for name in ("text", "html", "amp-html", "template")):
        raise refuse(400, _NO_TEXT)
    message = EmailMessage(email.policy.SMTP)
    for name in ("from", "to", "cc", "subject"):
        if form.get(name):
            message[name] = ", ".join(form.getall(name))
    message.set_content(form.get("text") or "")
    if form.get("html"):
        message.add_alternative(form["html"], subtype="html")
    return accept(request, domain, recipients, form, message.as_bytes())


def recipients_of(form, names: tuple[str, ...]) -> list[str]:
    """Return the addresses in fields of a form, each once.

    :raise web.HTTPException: 400 for none, wrong ones, or too many
    """
    if not form.get("to"):
        raise refuse(400, "to parameter is missing")
    given = [value for name in names for value in form.getall(name, []) if value]
    addresses = [address for _name, address in email.utils.getaddresses(given)]
    if not all("@" in address and address.isascii() for address in addresses):
        raise refuse(
            400, "to parameter is not a valid address. please check documentation"
        )
    if len(addresses) > MAX_RECIPIENTS:
        raise refuse(400, f"Too many recipients, max is {MAX_RECIPIENTS}")
    return list(dict.fromkeys(addresses))


def accept(
    request: web.Request, domain: Domain, recipients: list[str], form, raw: bytes
) -> web.Response:
    """Take a message to be delivered.

    :param form: has its options
    """
    _check_allowed(domain, recipients)
    if len(raw) > MAX_MESSAGE:
        # From the proxy before the API, so a page and no JSON (mailgun-js-boland#67).
        raise web.HTTPRequestEntityTooLarge(
            MAX_MESSAGE, len(raw), text="<html>413 Request Entity Too Large</html>"
        )
    sandbox = request.app[SANDBOX]
    head = email.message_from_bytes(raw, policy=email.policy.default)
    options = {**_variables(head), **_options(form)}
    number = sandbox.next_id()
    mail = Mail(
        number,
        domain.name,
        _message_id(head, domain, sandbox.faults.rewrite_ids),
        str(head["From"] or ""),
        str(head["Subject"] or ""),
        recipients,
        options,
        raw,
        envelope_sender=f"bounce+{number}@{domain.name}",
    )
    sandbox.mails.append(mail)
    delivery.start(request.app, mail)
    return web.json_response({"id": mail.message_id, "message": "Queued. Thank you."})


def _check_allowed(domain: Domain, recipients: list[str]) -> None:
    """Refuse what the domain may not send now, in Mailgun's words.

    :raise web.HTTPException: 400 or 403
    """
    start = f"Domain {domain.name} is not allowed to send: "
    if domain.disabled:
        raise refuse(403, f"{start}domain disabled")
    if domain.state != "active":
        raise refuse(
            400,
            f"{start}The domain is unverified and requires DNS configuration. Log in "
            "to your control panel to view required DNS records.",
        )
    strangers = set(recipients) - set(domain.authorized or ())
    if domain.authorized is not None and strangers:
        raise refuse(
            403,
            f"{start}Sandbox subdomains are for test purposes only. Please add your "
            "own domain or add the address to authorized recipients in Account "
            "Settings.",
        )


def _options(form) -> dict[str, list[str]]:
    options = {name: form.getall(name) for name in form if _OPTION.fullmatch(name)}
    size = sum(len(name) + len(value) for name in options for value in options[name])
    if size > MAX_OPTIONS:
        raise refuse(
            400,
            "Send options (parameters starting with o:, h:, or v:) are limited to "
            "16 kB total",
        )
    return options


def _variables(head) -> dict[str, list[str]]:
    """Return the variables in the header that means the same as ``v:`` ("SMTP")."""
    try:
        found = json.loads(str(head["X-Mailgun-Variables"] or "{}"))
    except ValueError:
        return {}
    variables = found if isinstance(found, dict) else {}
    return {f"v:{name}": [str(value)] for name, value in variables.items()}


def _message_id(head, domain: Domain, rewrite: bool) -> str:
    """Mailgun keeps a Message-Id of the usual form, and makes one otherwise."""
    own = str(head["Message-Id"] or "").strip()
    if _WELL_FORMED_ID.fullmatch(own) and not rewrite:
        return own
    return f"<{secrets.token_hex(12)}@{domain.name}>"


def add_routes(app: web.Application) -> None:
    """Serve both regions."""
    serve(app, "POST", "/v3/{domain}/messages.mime", post_mime)
    serve(app, "POST", "/v3/{domain}/messages", post_fields)
