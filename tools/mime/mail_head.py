"""The header block of a mail, read and changed as bytes.

A mail that is parsed and written again is another mail: signatures break, odd encodings
are lost. So the few headers that matter here are found in place, and the rest of the
bytes is not touched (``split.py`` finds them).

All this is done before Mailgun has its answer, so whatever a sender writes, the time
that it takes grows with the length of the mail and no faster. That cannot be said of
Python's parsers of header values, so these only get what has a usual length.
"""

import email
import email.policy
import hashlib
import re
import string
from collections.abc import Iterable

from .split import line_end, split

# For a character class: control characters, and what else begins a new line somewhere
# (``str.splitlines``): NEL, and the separators of lines and paragraphs.
CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_CONTROL = re.compile(f"[{CONTROLS}]+")
# Without that a header names nobody.
_SOMEBODY = re.compile(rb"[^\s<>@]@[^\s<>@]")

# Says who the envelope was for and from. Only whoever received the mail may say that,
# and Odoo routes by it (mail_thread.py, message_parse).
_ENVELOPE_FIELDS = frozenset({b"delivered-to", b"return-path"})

_AUTOMATIC_FIELDS = (
    "list-id",
    "list-unsubscribe",
    "x-auto-response-suppress",
    "x-autoreply",
    "x-autorespond",
)

# How the Message-Ids end that we give.
DERIVED = "@mailgun.inbound>"

# Bytes handled at a time.
_STEP = 1024 * 1024

# The index of PostgreSQL has a limit, and no mail program writes longer ones.
MAX_MESSAGE_ID = 250
MAX_SUBJECT = 500
# Bytes of one header that are read: enough for such a subject in any encoding.
_MAX_VALUE = 8000
# Bytes of one header that core's parsers get: a thousand addresses.
_MAX_PARSED = 32 * 1024


def envelope(
    raw: bytes, sender: str, recipients: Iterable[str], message_id: str
) -> bytes:
    """Return the mail with the headers that its receiver adds.

    :param raw: the mail as it came; nothing else in it changes
    :param sender: envelope sender, "" for a delivery report
    :param recipients: envelope recipients, without control characters
    :param message_id: from :func:`message_id_of`; added when the mail has none itself
    """
    fields, end = split(raw)
    dropped = set(_ENVELOPE_FIELDS)
    own = [f"Return-Path: <{sender}>"]
    own += [f"Delivered-To: {recipient}" for recipient in recipients]
    if _own_message_id(fields) != message_id:
        dropped.add(b"message-id")
        own.append(f"Message-Id: {message_id}")
    if sender and not any(
        name == b"from" and _SOMEBODY.search(data) for name, data in fields
    ):
        # Else core takes whoever runs the gateway, a colleague, for the author.
        dropped.add(b"from")
        own.append(f"From: {sender}")
    newline = line_end(raw)
    head = [line.encode("utf-8", "replace") + newline for line in own]
    head += [_usual(data) for name, data in fields if name not in dropped]
    if raw[end : end + 1] not in (b"", b"\r", b"\n"):
        # Text without a header block, or after a line that is no header.
        head.append(newline)
    return b"".join([*head, memoryview(raw)[end:]])


def _usual(field: bytes) -> bytes:
    """Return a header that is not too long for Python's parsers; the rest is cut off.

    They take memory and time with the square of its length: 60,000 encoded words in a
    Subject are more than 2 GB. The journal has the mail as it came.
    """
    if len(field) <= _MAX_PARSED:
        return field
    cut = max(field.rfind(mark, 0, _MAX_PARSED) for mark in (b",", b" "))
    return field[: cut if cut > 0 else _MAX_PARSED].rstrip(b", \r\n\t") + b"\r\n"


def raw_headers(raw: bytes) -> list[tuple[str, str]]:
    """Return the headers in order: name in lower case, value as it stands, on one line.

    For what is written by machines; encoded words are left as they are.
    """
    fields, _end = split(raw)
    return [
        (name.decode(), one_line(data.partition(b":")[2].decode("ascii", "replace")))
        for name, data in fields
    ]


def message_id_of(raw: bytes) -> str:
    """Return the Message-Id, or one made of the mail's bytes when it has no usable one.

    The same bytes always give the same, so a repetition is recognised.
    """
    return _own_message_id(split(raw)[0]) or derived_message_id(raw)


def derived_message_id(raw: bytes) -> str:
    """Return a Message-Id made of the mail's bytes."""
    return f"<{hashlib.sha256(raw).hexdigest()}{DERIVED}"


def is_derived(message_id: str) -> bool:
    """Tell whether a Message-Id is one of ours, for a mail that had none itself."""
    return message_id.endswith(DERIVED)


def fingerprint(raw: bytes) -> str:
    """Return what tells a mail from another one that has its Message-Id.

    That is its Date and all below its headers. White space does not count: the same
    mail may be wrapped otherwise on another way.
    """
    fields, end = split(raw)
    date = next((data for name, data in fields if name == b"date"), b"")
    digest = hashlib.sha256(b"".join(date.split()))
    for start in range(end, len(raw), _STEP):
        piece = raw[start : start + _STEP]
        digest.update(piece.translate(None, string.whitespace.encode()))
    return digest.hexdigest()


def subject_of(raw: bytes) -> str:
    """Return the subject as one line of text, or ""."""
    return one_line(_value(split(raw)[0], b"subject"))[:MAX_SUBJECT]


def is_automatic(raw: bytes) -> bool:
    """Tell whether a program wrote the mail, so that nobody may answer it.

    Source: RFC 3834 section 2, and the older signs that programs give.
    """
    fields = dict(reversed(raw_headers(raw)))
    submitted = fields.get("auto-submitted", "no").partition(";")[0].strip().lower()
    precedence = fields.get("precedence", "").strip().lower()
    return (
        submitted != "no"
        or precedence in ("bulk", "junk", "list", "auto_reply")
        or any(name in fields for name in _AUTOMATIC_FIELDS)
        or "multipart/report" in fields.get("content-type", "").lower()
    )


def one_line(text: str) -> str:
    """Return text without line breaks and other control characters."""
    return _CONTROL.sub(" ", text.encode("utf-8", "replace").decode()).strip()


def _own_message_id(fields: list[tuple[bytes, bytes]]) -> str:
    value = _value(fields, b"message-id").strip()
    usable = len(value) <= MAX_MESSAGE_ID and not _CONTROL.search(value)
    return value if usable and value.strip("<> ") and _is_whole(value, fields) else ""


def _is_whole(value, fields):
    """Tell whether Python, and so core, has not cut a Message-Id off at an odd sign.

    What is left in front of that many mails have. Comments and encoded words are taken
    out rightly.
    """
    data = next(data for name, data in fields if name == b"message-id")
    written = data[:_MAX_VALUE].partition(b":")[2].decode("utf-8", "replace")
    as_written = "".join(written.split()) == "".join(value.split())
    return as_written or not written.isascii() or "(" in written or "=?" in written


def _value(fields: list[tuple[bytes, bytes]], name: bytes) -> str:
    """Return how the first header of a name begins, as core will see it, or ""."""
    data = next((data for found, data in fields if found == name), b"")[:_MAX_VALUE]
    try:
        head = email.message_from_bytes(data, policy=email.policy.SMTP)
        return str(head.get(name.decode()) or "")
    except Exception:  # noqa: BLE001
        # Python's own parser raises all kinds of errors for malformed values
        # (python/cpython#81074 and others); the journal must take any mail.
        return ""
