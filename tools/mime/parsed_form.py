"""Mailgun's parsed form back to a mail (RFC 5322, MIME).

The form has the headers, the bodies as text and the attachments as files; what it has
not, cannot come back: the order and nesting of the parts, their encodings, and parts
without a file name. Fields: user manual, "Receive HTTP", "Parsed messages parameters".
"""

import itertools
import json
import math
import mimetypes
import re
from email.message import Message

from ..bodies import joined
from .attachment_type import true_type
from .forms import FilePart, Form
from .mail_head import one_line
from .parts import Container, Leaf, contain, size_of, write
from .split import MAX_HEADERS

_ATTACHMENT = re.compile(r"attachment-([0-9]{1,5})", re.ASCII)
_BODY = re.compile(r"body-([a-z0-9.+-]{1,40})")
_FIELD_NAME = re.compile(r"[\x21-\x39\x3b-\x7e]{1,200}")

# Read from the form itself when it brings no list of headers.
_FALLBACK_HEADERS = (
    "From",
    "To",
    "Cc",
    "Reply-To",
    "Subject",
    "Date",
    "Message-Id",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "Return-Path",
    "Delivered-To",
)
# Mailgun strings HTML parts together, and a parser stops at the end of the first.
_END_OF_HTML = re.compile(rb"(?<=</html>)", re.IGNORECASE)
_MAX_DOCUMENTS = 20
_SHOWN = re.compile(rb"""cid:([^\s"'<>()]+)""")
# With those that are added here, and by the envelope.
_MOST_HEADERS = MAX_HEADERS - 200
_VERSION = ("MIME-Version", "1.0")
#: Header that says how many of the announced files did not come.
MISSING_FILES = "X-Mailgun-Missing-Files"
# They describe parts that Mailgun has taken apart.
_STRUCTURE = ("content-", "mime-version")
_GENERIC_TYPES = ("", "application/octet-stream", "binary/octet-stream", "*/*")


def rebuild(form: Form) -> bytes | None:
    """Return the mail that a parsed form describes; None when it describes none."""
    headers = _headers(form)
    bodies = _bodies(form)
    files = _attachments(form)
    if not (headers or bodies or files):
        return None
    if missing := _announced(form) - len(files):
        headers.append((MISSING_FILES, str(missing)))
    mail = _assemble(bodies, files, _content_ids(form))
    # In UTF-8 (RFC 6532), which every parser understands; writing encoded words takes
    # Python time that grows with the square of the header.
    lines = (f"{name}: {value}\r\n" for name, value in (*headers, _VERSION))
    head = "".join(lines).encode()
    return joined(itertools.chain([head], write(mail)), len(head) + size_of(mail))


def _announced(form: Form) -> int:
    """Return how many files there are by the form itself; never fewer than came."""
    came = len(_attachments(form))
    count = form.text("attachment-count", 5) or ""
    return max(came, int(count)) if count.isascii() and count.isdigit() else came


# --- headers --------------------------------------------------------------------------


def _headers(form: Form) -> list[tuple[str, str]]:
    pairs = _listed_headers(form) or _fallback_headers(form)
    return [
        (name, one_line(value))
        for name, value in ((name.strip(), value) for name, value in pairs)
        if _FIELD_NAME.fullmatch(name) and not name.lower().startswith(_STRUCTURE)
    ][:_MOST_HEADERS]


def _listed_headers(form: Form) -> list[tuple[str, str]]:
    listed = _json(form, "message-headers")
    if not isinstance(listed, list):
        return []
    return [
        (pair[0], pair[1])
        for pair in listed
        if isinstance(pair, list)
        and len(pair) == 2
        and isinstance(pair[0], str)
        and isinstance(pair[1], str)
    ]


def _fallback_headers(form: Form) -> list[tuple[str, str]]:
    found = {name: form.text(name) for name in _FALLBACK_HEADERS}
    found["From"] = found["From"] or form.text("from")
    found["Subject"] = found["Subject"] or form.text("subject")
    return [(name, value) for name, value in found.items() if value]


def _json(form: Form, name: str):
    try:
        return json.loads(form.text(name) or "null")
    except (ValueError, RecursionError):
        return None


# --- parts ----------------------------------------------------------------------------


def _bodies(form: Form) -> list[tuple[str, bytes]]:
    """Return kind and text of each text: plain first, HTML last, others between."""
    texts = {}
    for name in form.names():
        match = _BODY.fullmatch(name)
        if match and (text := form.value(name)):
            texts[match[1]] = _as_utf8(text)
    order = sorted(texts, key=lambda kind: (kind == "html", kind != "plain"))
    return [(kind, text) for kind in order for text in _documents(texts[kind], kind)]


def _as_utf8(text: bytes) -> bytes:
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode("utf-8", "replace").encode()
    return text


def _documents(text: bytes, kind: str) -> list[bytes]:
    """Take apart HTML documents that were strung together."""
    parts = _END_OF_HTML.split(text, _MAX_DOCUMENTS) if kind == "html" else [text]
    return [part for part in parts if part.strip()] or [text]


def _attachments(form: Form) -> list[FilePart]:
    """Return the files in the order of their numbers, which may have gaps.

    One without a file name comes as a field. What else is posted as a file is one, too.
    """
    fields = [
        FilePart(name, "", "", memoryview(form.value(name)))
        for name in form.names()
        if _ATTACHMENT.fullmatch(name) and form.value(name)
    ]
    return sorted([*form.files, *fields], key=_number)


def _number(file: FilePart) -> float:
    match = _ATTACHMENT.fullmatch(file.name)
    return int(match[1]) if match else math.inf


def _content_ids(form: Form) -> dict[str, str]:
    """Return attachment name → Content-Id, from a map that may hold anything."""
    found = _json(form, "content-id-map")
    if not isinstance(found, dict):
        return {}
    return {
        name: one_line(cid).strip("<>")
        for cid, name in found.items()
        if isinstance(name, str) and one_line(cid).strip("<>")
    }


def _assemble(
    bodies: list[tuple[str, bytes]], files: list[FilePart], content_ids: dict[str, str]
) -> Leaf | Container:
    html = [text for kind, text in bodies if kind == "html"]
    shown = {cid.decode() for text in html for cid in _SHOWN.findall(text)}
    # What follows the first is no alternative to it.
    rest = [_text_part("html", text) for text in html[1:]]
    alternatives = [
        _text_part(kind, text) for kind, text in bodies[: len(bodies) - len(rest)]
    ]
    inline, attached = [], []
    for file in files:
        cid = content_ids.get(file.name)
        (inline if cid in shown else attached).append(_file_part(file, cid))
    content = contain("alternative", alternatives)
    content = contain("related", [content, *inline] if content else inline)
    rest += attached
    mail = contain("mixed", [content, *rest] if content else rest)
    return mail or _text_part("plain", b"")


def _text_part(kind: str, text: bytes) -> Leaf:
    head = Message()
    head.add_header("Content-Type", f"text/{kind}", charset="utf-8")
    return Leaf(head, text)


def _file_part(file: FilePart, cid: str | None) -> Leaf:
    media_type = _media_type(file)
    head = Message()
    head["Content-Type"] = media_type
    head.add_header(
        "Content-Disposition",
        "inline" if cid else "attachment",
        filename=("utf-8", "", _file_name(file, media_type)),
    )
    if cid:
        head["Content-Id"] = f"<{cid}>"
    return Leaf(head, file.content)


def _media_type(file: FilePart) -> str:
    declared = file.content_type.split(";")[0].strip().lower()
    if declared in _GENERIC_TYPES or not re.fullmatch(r"[\w.+-]+/[\w.+-]+", declared):
        declared = true_type(file.content)
    # As text it would be decoded, and as a message it must not be encoded (RFC 2046
    # 5.2.1): both would change its bytes. Odoo tells the type from the name again.
    if declared.startswith(("text/", "message/", "multipart/")) or "/" not in declared:
        return "application/octet-stream"
    return declared


def _file_name(file: FilePart, media_type: str) -> str:
    ending = mimetypes.guess_extension(media_type) or ".bin"
    return one_line(file.filename) or f"{file.name}{ending}"
