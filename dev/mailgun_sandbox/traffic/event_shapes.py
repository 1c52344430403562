"""Events in Mailgun's words (user manual, "Event structure", "Webhook payloads")."""

import email
import email.policy
import functools

from ..memory.state import Mail, Route
from . import forms

ACCOUNT_ID = "1234567890303a4bd1f33898"

_CLIENT = {
    "client-name": "Chrome",
    "client-os": "Linux",
    "client-type": "browser",
    "device-type": "desktop",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/144.0.0.0",
    "bot": None,
}
_PLACE = {
    "city": "Unknown",
    "country": "GB",
    "region": "Unknown",
    "timezone": "Europe/London",
}


def accepted(mail: Mail, url: str, recipient: str) -> dict:
    """Return the event of a message taken by the API."""
    return {
        **_about(mail, "accepted", recipient),
        "api-key-id": "12345678-87654321",
        "envelope": _envelope(mail, recipient),
        "flags": {"is-authenticated": True, "is-test-mode": mail.is_test},
        "message": _message(mail),
        "method": "HTTP",
        "storage": _storage(mail, url),
    }


def accepted_routed(
    mail: Mail, url: str, recipient: str, route: Route, target: str
) -> dict:
    """Return the event of a mail that a route takes on: its recipient is the target."""
    host = target.split("/")[2]
    matched = {
        "expression": route.expression,
        "id": route.id,
        "match": {"recipient": recipient},
    }
    return {
        **_about(mail, "accepted", target),
        "recipient-domain": host,
        "envelope": {
            "sender": mail.envelope_sender,
            "targets": target,
            "transport": "smtp",
        },
        "flags": {**_flags(mail, True), "is-authenticated": False},
        "message": {**_message(mail), "recipients": [recipient]},
        "method": "smtp",
        "routes": [matched],
        "storage": _storage(mail, url),
    }


def stored(mail: Mail, url: str) -> dict:
    """Return the event of a mail that a route keeps."""
    found = _about(mail, "stored", "")
    for name in ("recipient", "recipient-domain"):
        del found[name]
    return {
        **found,
        "campaigns": [],
        "flags": {"is-test-mode": False},
        "message": {**_message(mail), "recipients": list(mail.recipients)},
        "storage": _storage(mail, url),
    }


def delivered(mail: Mail, url: str, recipient: str, routed: bool = False) -> dict:
    """Return the event of a message that its recipient's server took."""
    status = {"code": 250, "message": "OK", "tls": True, "certificate-verified": True}
    return {
        **outcome(mail, "delivered", url, recipient, routed),
        "delivery-status": {**attempt(), **status},
    }


def outcome(mail: Mail, event: str, url: str, recipient: str, routed: bool) -> dict:
    """Return what delivered and failed have in common."""
    return {
        **_about(mail, event, recipient),
        "recipient-provider": "Other",
        "campaigns": [],
        "primary-dkim": f"smtp._domainkey.{mail.domain}",
        "envelope": {**_envelope(mail, recipient), "sending-ip": "161.38.194.10"},
        "flags": _flags(mail, routed),
        "message": {"attachments": _read(mail.raw)[1], **_message(mail)},
        "storage": _storage(mail, url),
    }


def attempt() -> dict:
    """Return what there is to say about a try to deliver, before its result."""
    return {
        "attempt-no": 1,
        "code": None,
        "message": "",
        "description": None,
        "session-seconds": 0.2,
        "enhanced-code": None,
        "mx-host": "mx.example",
        "utf8": True,
        "first-delivery-attempt-seconds": 0.06,
    }


def reaction(mail: Mail, url: str, recipient: str, kind: str, link: str) -> dict:
    """Return opened, clicked, unsubscribed or complained.

    :param link: what was clicked on
    """
    event = {
        **_about(mail, kind, recipient),
        "recipient-provider": "Other",
        "campaigns": [],
    }
    if kind == "complained":
        return {
            **event,
            "log-level": "warn",
            "message": _message(mail),
            "envelope": {"sending-ip": "161.38.194.10"},
            "storage": _storage(mail, url),
        }
    headers = {"message-id": mail.message_id.strip("<>")}
    event |= {
        "message": {"headers": headers},
        "ip": "192.0.2.7",
        "client-info": _CLIENT,
        "geolocation": _PLACE,
    }
    if kind == "unsubscribed":
        return {**event, "tags": ["*"], "storage": []}
    event["delivered-at"] = int(mail.accepted_at)
    return {**event, "url": link} if kind == "clicked" else event


def _about(mail: Mail, event: str, recipient: str) -> dict:
    return {
        "event": event,
        "log-level": "info",
        "account": {"id": ACCOUNT_ID},
        "domain": {"name": mail.domain},
        "recipient": recipient,
        "recipient-domain": recipient.rpartition("@")[2],
        "tags": mail.options.get("o:tag", []),
        "user-variables": _variables(mail),
    }


def _variables(mail: Mail) -> dict | list:
    """``v:`` options; Mailgun gives an empty list when there are none."""
    variables = {
        name[2:]: values[-1]
        for name, values in mail.options.items()
        if name.startswith("v:")
    }
    return variables or []


def _envelope(mail: Mail, recipient: str) -> dict:
    transport = "http" if recipient.startswith("http") else "smtp"
    sender = mail.envelope_sender
    return {"sender": sender, "targets": recipient, "transport": transport}


def _flags(mail: Mail, routed: bool) -> dict:
    return {
        "is-authenticated": True,
        "is-routed": routed,
        "is-big": False,
        "is-system-test": False,
        "is-test-mode": mail.is_test,
    }


def _message(mail: Mail) -> dict:
    headers = {
        # Without the angle brackets, unlike the API's answer to a message.
        "message-id": mail.message_id.strip("<>"),
        "from": mail.sender,
        "to": _read(mail.raw)[0],
        "subject": mail.subject,
    }
    return {"headers": headers, "size": len(mail.raw)}


# A mail to many is read once.
@functools.lru_cache(maxsize=4)
def _read(raw: bytes) -> tuple[str, list[dict]]:
    """Return the To header and the files of a mail."""
    head = email.message_from_bytes(raw, policy=email.policy.default)
    _fields, files = forms.parsed_fields(raw, "", "")
    listed = [
        {
            "filename": file.filename,
            "content-type": file.content_type,
            "size": len(file.data),
        }
        for file in files
    ]
    return str(head["To"] or ""), listed


def _storage(mail: Mail, url: str) -> dict:
    return {"key": mail.key, "url": url, "region": "us-west1", "env": "production"}
