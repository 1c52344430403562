"""Telling whether two mails are one that came on different ways.

Mailgun posts a mail as it is, or taken apart, and keeps it: three forms of one mail, of
which none has the bytes of another. What they share is what the mail says. Of a mail
that was kept even that may be damaged, for JSON has no bytes: what is not UTF-8 becomes
a replacement character.
"""

import email
import email.policy
import hashlib
import re
from dataclasses import dataclass
from email.message import Message
from email.utils import getaddresses

from .mail_head import raw_headers, subject_of

# Python's parsers take time that grows with the square of a header.
_PARAMETERS = re.compile(
    rb"(?<![^\r\n])content-[^\r\n]*(?:(?:\r\n|\r|\n)[ \t][^\r\n]*)*", re.IGNORECASE
)
_MAX_HEADER = 8000

_REPLACED = "\ufffd"
_BEYOND_ASCII = bytes(range(128, 256)) + b" \t\n\r\v\f"


@dataclass(frozen=True)
class _Content:
    """What a mail says, whatever its form.

    :param ways: what its servers wrote into it
    :param text: all of it, without white space
    :param ascii: what of it is left when other letters are lost
    """

    ways: frozenset[str]
    text: str
    ascii: bytes
    is_damaged: bool


def is_same_mail(one: bytes, other: bytes) -> bool:
    """Tell whether two mails are certainly one.

    They agree in From, To, Date, Subject, text and files, and if both tell on which way
    they came (Received), in a part of it: programs write mails that differ in no more.
    """
    try:
        first, second = _read(one), _read(other)
    except Exception:  # noqa: BLE001
        # Python's parser raises all kinds of errors for odd mails: nothing is certain.
        return False
    if first.ways and second.ways and not first.ways & second.ways:
        return False
    if first.is_damaged or second.is_damaged:
        return first.ascii == second.ascii
    return first.text == second.text


def _read(raw: bytes) -> _Content:
    if any(len(found[0]) > _MAX_HEADER for found in _PARAMETERS.finditer(raw)):
        raise ValueError("a header of this mail is too long to be parsed")
    headers = [(name, _dense(value)) for name, value in raw_headers(raw)]
    head, subject = _head(headers), _dense(subject_of(raw))
    texts, files = _parts(email.message_from_bytes(raw, policy=email.policy.compat32))
    words = [_dense(_decoded(part)) for part in texts]
    checksums = sorted(hashlib.sha256(_data(part)).hexdigest() for part in files)
    left = sorted(_data(part).translate(None, _BEYOND_ASCII) for part in texts + files)
    return _Content(
        frozenset(value for name, value in headers if name == "received"),
        "\n".join([head, subject, *words, *checksums]),
        b"\n".join([f"{head}\n{subject}".encode("ascii", "ignore"), *left]),
        _REPLACED.encode() in raw or _REPLACED in subject,
    )


def _head(headers: list[tuple[str, str]]) -> str:
    """Return who wrote to whom and when; names may be written in several ways."""
    found = {"from": [], "to": [], "date": []}
    for name, value in headers:
        found.setdefault(name, []).append(value[:_MAX_HEADER])
    addresses = [
        sorted(address.lower() for _name, address in getaddresses(found[name]))
        for name in ("from", "to")
    ]
    return f"{addresses} {found['date']}"


def _parts(mail: Message) -> tuple[list[Message], list[Message]]:
    """Return the texts and the files.

    Of a text in two forms only HTML: Mailgun makes the other where there is none.
    """
    leaves = [part for part in mail.walk() if not part.is_multipart()]
    texts = [part for part in leaves if _is_text(part)]
    files = [part for part in leaves if not _is_text(part)]
    html = [part for part in texts if part.get_content_subtype() == "html"]
    if html:
        texts = [part for part in texts if part.get_content_subtype() != "plain"]
    return texts, files


def _is_text(part: Message) -> bool:
    return part.get_content_maintype() == "text" and not (
        part.get_filename() or part.get_content_disposition() == "attachment"
    )


def _data(part: Message) -> bytes:
    return part.get_payload(decode=True) or b""


def _decoded(part: Message) -> str:
    data = _data(part)
    try:
        return data.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


def _dense(text: str) -> str:
    return "".join(text.split())
