"""Telling whether two mails are one that came on different ways.

Mailgun posts a mail as it is, or taken apart, and keeps it: three forms of one mail, of
which none has the bytes of another. What they share is what the mail says. Of a mail
that was kept even that may be damaged, for JSON has no bytes: what is not UTF-8 becomes
a replacement character.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .charsets import decode
from .mail_head import raw_headers, subject_of
from .structure import Part, read

# Who exactly has which name does not matter: it is the same in both, or not.
_ADDRESS = re.compile(r"[^\s<>,;:\"()]{1,250}@[^\s<>,;:\"()]{1,250}")

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
        # Of a mail that cannot be read nothing is certain.
        return False
    if first.ways and second.ways and not first.ways & second.ways:
        return False
    if first.is_damaged or second.is_damaged:
        return first.ascii == second.ascii
    return first.text == second.text


def is_same_letter(one: bytes, other: bytes) -> bool:
    """Tell whether two mails with one Message-Id are one.

    Those are that agree in From, Date and Subject: a route that takes mail apart and a
    server that forwards it write a text anew. Without one of the first two all of it
    has to agree.
    """
    letter = _letter(one)
    is_one = letter is not None and letter == _letter(other)
    return is_one or is_same_mail(one, other)


def _letter(raw: bytes) -> tuple | None:
    headers = raw_headers(raw)
    found = {name: _dense(value) for name, value in reversed(headers)}
    sender, date = _addresses(headers, "from"), found.get("date")
    return (sender, date, _dense(subject_of(raw))) if sender and date else None


def _read(raw: bytes) -> _Content:
    headers = raw_headers(raw)
    head, subject = _head(headers), _dense(subject_of(raw))
    texts, files = _parts(read(raw))
    words = [_dense(_decoded(part, raw)) for part in texts]
    checksums = sorted(hashlib.sha256(part.content(raw)).hexdigest() for part in files)
    left = sorted(
        part.content(raw).translate(None, _BEYOND_ASCII) for part in texts + files
    )
    return _Content(
        frozenset(_dense(value) for name, value in headers if name == "received"),
        "\n".join([head, subject, *words, *checksums]),
        b"\n".join([f"{head}\n{subject}".encode("ascii", "ignore"), *left]),
        _REPLACED.encode() in raw or _REPLACED in subject,
    )


def _head(headers: list[tuple[str, str]]) -> str:
    """Return who wrote to whom and when; names may be written in several ways."""
    dates = [_dense(value) for name, value in headers if name == "date"]
    return f"{_addresses(headers, 'from')} {_addresses(headers, 'to')} {dates}"


def _addresses(headers: list[tuple[str, str]], name: str) -> list[str]:
    values = " ".join(value for found, value in headers if found == name)
    return sorted(address.lower() for address in _ADDRESS.findall(values))


def _parts(mail: Part) -> tuple[list[Part], list[Part]]:
    """Return the texts and the files.

    Of a text in two forms only HTML: Mailgun makes the other where there is none.
    """
    leaves = list(_leaves(mail))
    texts = [part for part in leaves if _is_text(part)]
    files = [part for part in leaves if not _is_text(part)]
    if any(part.kind == "text/html" for part in texts):
        texts = [part for part in texts if part.kind != "text/plain"]
    return texts, files


def _leaves(part: Part) -> Iterator[Part]:
    for one in part.parts:
        yield from _leaves(one)
    if not part.parts:
        yield part


def _is_text(part: Part) -> bool:
    return part.main == "text" and not (part.name or part.disposition == "attachment")


def _decoded(part: Part, raw: bytes) -> str:
    return decode(part.content(raw), part.parameters.get("charset", ""))[0]


def _dense(text: str) -> str:
    return "".join(text.split())
