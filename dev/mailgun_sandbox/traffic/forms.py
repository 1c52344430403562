"""A mail as the form that Mailgun posts to a route (user manual, "Receive HTTP")."""

import email
import email.policy
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import quote_from_bytes

# Where a client's quoted text starts; Mailgun's own recognition is more elaborate.
_QUOTE = re.compile(r"^(>.*|On .{0,200} wrote:)$", re.MULTILINE)


@dataclass
class File:
    """A file of a multipart form."""

    name: str
    filename: str
    content_type: str
    data: bytes


Fields = list[tuple[str, bytes]]


def raw_fields(raw: bytes, sender: str, recipient: str) -> tuple[Fields, list[File]]:
    """Return the fields of a post to a URL that ends in ``mime``, and no files."""
    head = _parse(raw)
    texts = {
        "recipient": recipient,
        "sender": sender,
        "from": _decoded(head, "From"),
        "subject": _decoded(head, "Subject"),
    }
    return [*_encode(texts.items()), ("body-mime", raw)], []


def parsed_fields(
    raw: bytes, sender: str, recipient: str, incoming: bool = True
) -> tuple[Fields, list[File]]:
    """Return the fields and files of a post to any other URL.

    :param incoming: with the headers of a mail that came in from outside
    """
    mail = _parse(raw)
    headers = _trace(sender) if incoming else []
    headers += [(_title(name), _one_line(value)) for name, value in mail.items()]
    texts = [
        ("recipient", recipient),
        ("sender", sender),
        ("from", _decoded(mail, "From")),
        ("subject", _decoded(mail, "Subject")),
        *headers,
        ("message-headers", json.dumps(headers)),
        *_bodies(mail),
    ]
    files, content_ids = _files(mail)
    if files:
        texts.append(("attachment-count", str(len(files))))
    if content_ids:
        texts.append(("content-id-map", json.dumps(content_ids)))
    return _encode(texts), files


def listed(files: list[File], message_url: str) -> list[dict]:
    """Return a stored mail's files and where they can be read."""
    return [
        {
            "url": f"{message_url}/attachments/{number}",
            "content-type": file.content_type,
            "name": file.filename,
            "size": len(file.data),
        }
        for number, file in enumerate(files)
    ]


def urlencode(fields: Fields) -> tuple[str, bytes]:
    """Return content type and body of an urlencoded form, byte for byte."""
    pairs = [
        f"{quote_from_bytes(name.encode(), '')}={quote_from_bytes(value, '')}"
        for name, value in fields
    ]
    return "application/x-www-form-urlencoded", "&".join(pairs).encode()


def multipart(fields: Fields, files: list[File]) -> tuple[str, bytes]:
    """Return content type and body of a multipart form (RFC 7578)."""
    boundary = secrets.token_hex(16)
    parts = [
        (f'form-data; name="{_quoted(name)}"', "", value) for name, value in fields
    ]
    for file in files:
        disposition = (
            f'form-data; name="{file.name}"; filename="{_quoted(file.filename)}"'
        )
        parts.append((disposition, f"Content-Type: {file.content_type}\r\n", file.data))
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: {disposition}\r\n{kind}\r\n".encode()
        + data
        + b"\r\n"
        for disposition, kind, data in parts
    )
    return f"multipart/form-data; boundary={boundary}", (
        body + f"--{boundary}--\r\n".encode()
    )


def _parse(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def _trace(sender: str) -> list[tuple[str, str]]:
    """Return the headers that Mailgun's own server puts on top."""
    by = f"by mxa.mailgun.org with SMTP id {secrets.token_hex(6)}"
    return [
        ("X-Mailgun-Incoming", "Yes"),
        ("X-Envelope-From", f"<{sender}>"),
        ("Received", f"from mail.example {by}"),
    ]


def _encode(texts) -> Fields:
    return [(name, value.encode("utf-8", "replace")) for name, value in texts]


def _title(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _one_line(value) -> str:
    return " ".join(str(value).split("\n"))


def _decoded(mail: EmailMessage, name: str) -> str:
    return _one_line(mail[name] or "")


def _quoted(text: str) -> str:
    for sign, escape in (('"', "%22"), ("\r", "%0D"), ("\n", "%0A")):
        text = text.replace(sign, escape)
    return text


def _bodies(mail: EmailMessage) -> list[tuple[str, str]]:
    plain, html = _texts(mail, "text/plain"), _texts(mail, "text/html")
    found = []
    if plain:
        stripped = _QUOTE.split(plain)[0].strip()
        found += [("body-plain", plain), ("stripped-text", stripped)]
        found.append(("stripped-signature", ""))
    if html:
        found += [("body-html", html), ("stripped-html", html)]
        if not plain:
            found.append(("body-plain", re.sub(r"<[^>]+>", "", html)))
    return found


def _texts(mail: EmailMessage, content_type: str) -> str:
    """Return all texts of a kind, one after the other, as Mailgun strings them."""
    return "".join(
        part.get_content()
        for part in _leaves(mail)
        if part.get_content_type() == content_type
        and not part.get_filename()
        and not part.is_attachment()
    )


def _leaves(part: EmailMessage) -> Iterator[EmailMessage]:
    """Yield the parts that hold something, an enclosed mail as one."""
    if part.get_content_maintype() != "multipart":
        yield part
        return
    for inner in part.iter_parts():
        yield from _leaves(inner)


def _files(mail: EmailMessage) -> tuple[list[File], dict[str, str]]:
    files, content_ids = [], {}
    for part in mail.walk():
        # Parts without a file name do not come through (anymail#272).
        if part.is_multipart() or not part.get_filename():
            continue
        name = f"attachment-{len(files) + 1}"
        data = part.get_payload(decode=True) or b""
        files.append(File(name, part.get_filename(), part.get_content_type(), data))
        if part["Content-Id"]:
            content_ids[str(part["Content-Id"])] = name
    return files, content_ids
