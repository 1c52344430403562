"""The copy of a mail that core's gateway gets; the journal keeps the bytes.

Core parses mail by Python's package, which fails of some mails, loses something of
others, and takes many times the room of a file. So the copy has the same headers and
the same parts in the same order: a text in UTF-8, read in the charset that it is in; of
a file a mark, in whose place the file is put back as it was sent. What had to be mended
has a name of :data:`FAULTS`.
"""

import base64
import contextlib
import itertools
import mimetypes
import re
import secrets
from typing import NamedTuple
from urllib.parse import quote

from lxml.etree import LxmlError

from . import html as pages
from .charsets import decode
from .mail_head import one_line
from .mail_text import text_of
from .mend_head import decoded, mend_fields, mend_start
from .split import MAX_HEADERS, split
from .structure import Part, read

#: What may be wrong with a mail.
FAULTS = (
    "address",  # of sender or recipients
    "attached mail",  # not plain, so that it would be taken apart with the rest
    "boundary",  # between parts
    "charset",
    "date",
    "header",
    "html",  # too deep, or a picture in the source
    "report",  # a delivery report without what makes it one
    "type",  # of a part
    "unreadable",  # nothing of the above helped
)
#: Bytes of a plain text from which on the beginning is shown, and of what is shown.
LONG = 1024 * 1024
SHOWN = 64 * 1024

# The envelope adds some.
_MOST_HEADERS = MAX_HEADERS - 100
_STRUCTURE = (b"content-", b"mime-version")
_META = re.compile(
    r"""(<meta[^>]{0,500}charset\s{0,9}=\s{0,9}["']?)[\w.:-]{1,40}""", re.I
)
_NO_NAME = re.compile(r"[\\/:*?\"<>|]+")
_SUBTYPE = re.compile(r"[a-z0-9.+-]{1,40}")
_READABLE = (
    b"from",
    b"to",
    b"cc",
    b"subject",
    b"in-reply-to",
    b"references",
    b"date",
)


class TakenOut(NamedTuple):
    """Something that is not in the copy, or not all of it.

    :param data: as it was before it was encoded for transport
    :param mark: what stands in its place; None for a text, of which the beginning stays
    :param kind: the type that it is declared to be
    """

    data: bytes
    mark: bytes | None = None
    kind: str = ""


class CoreCopy(NamedTuple):
    """What core gets.

    :param mime: the mail
    :param parts: what is put back afterwards
    :param faults: what had to be mended, of ``FAULTS``
    """

    mime: bytes
    parts: list[TakenOut]
    faults: list[str]


def core_copy(mail: bytes, sender: str = "") -> CoreCopy:
    """Return the copy of a mail; never raises.

    :param mail: as it came
    :param sender: of the envelope; "" for a report of a mail server
    """
    try:
        return _Writer(mail, sender).written()
    except Exception:  # noqa: BLE001
        # Whatever is wrong with it then, people can read what can be read.
        return readable_copy(mail)


def readable_copy(mail: bytes, _sender: str = "") -> CoreCopy:
    """Return what can be read of a mail, with all of it as a file."""
    fields = [one for one in split(mail)[0] if one[0] in _READABLE]
    fields, _faults = mend_fields(fields)
    file, part = _file(mail, "original.eml", "message/rfc822")
    text = _leaf("text/plain; charset=utf-8", text_of(mail).encode("utf-8", "replace"))
    mime = [data for _name, data in fields]
    mime += _joined("mixed", [text, file])
    return CoreCopy(b"".join(mime), [part], ["unreadable"])


class _Writer:
    """Writes one copy."""

    def __init__(self, mail: bytes, sender: str):
        self._faults: set[str] = set()
        self._mail = mend_start(mail)
        if self._mail is not mail:
            self._faults.add("header")
        self._parts: list[TakenOut] = []
        self._tree = read(self._mail)
        # Core looks into a mail in a mail for what has come back.
        self._is_report = (
            not sender
            or self._tree.kind == "multipart/report"
            or re.search("mailer-daemon|postmaster", self._tree.header("from"), re.I)
        )

    def written(self) -> CoreCopy:
        fields = [one for one in self._tree.fields if not one[0].startswith(_STRUCTURE)]
        fields, faults = mend_fields(fields[:_MOST_HEADERS])
        self._faults |= faults
        content = self._content(self._tree)
        head = [
            data if data.endswith((b"\n", b"\r")) else data + b"\r\n"
            for _name, data in fields
        ]
        mime = b"".join([*head, b"MIME-Version: 1.0\r\n", *content])
        return CoreCopy(mime, self._parts, sorted(self._faults))

    def _content(self, part: Part) -> list[bytes]:
        """Return a part from its Content-Type on."""
        self._faults |= part.faults
        if part.parts:
            subtype = part.kind.partition("/")[2]
            is_usual = _SUBTYPE.fullmatch(subtype)
            return _joined(
                subtype if is_usual else "mixed",
                [self._content(one) for one in self._shown(part)],
            )
        if part.main == "multipart" and part.content(self._mail).strip():
            # Too deep within others, or one of too many.
            data = self._mail[part.begin : part.end]
            return self._file(data, "message.eml", "message/rfc822")
        if part.main == "multipart":
            # Declared, and nothing is in it.
            return _leaf("text/plain; charset=utf-8", b"")
        if self._is_report and (
            part.main == "message" or part.kind == "text/rfc822-headers"
        ):
            return self._as_it_is(part)
        if part.kind in ("text/plain", "text/html") and not (
            part.name or part.disposition == "attachment"
        ):
            return self._text(part)
        return self._attached(part)

    def _shown(self, part):
        """Return the parts; of two forms of a text an empty one hides the other."""
        if part.kind != "multipart/alternative":
            return part.parts
        full = [
            one
            for one in part.parts
            if one.main != "text" or one.content(self._mail).strip()
        ]
        return full or part.parts

    def _as_it_is(self, part):
        """Return what core looks into for the mail that has come back."""
        data = part.content(self._mail)
        if not data.strip():
            # Python gives core a text then, of which it asks for headers.
            self._faults.add("report")
            data = b"X-Empty: yes\r\n"
        return [b"Content-Type: %s\r\n\r\n" % part.kind.encode(), data]

    def _text(self, part):
        data, is_html = part.content(self._mail), part.kind == "text/html"
        if len(data) > LONG and not is_html:
            self._parts.append(TakenOut(data, kind=part.kind))
            cut = max(data.rfind(b"\n", 0, SHOWN), data.rfind(b" ", 0, SHOWN))
            data = data[: cut if cut > 0 else SHOWN]
        text, is_right = decode(data, part.parameters.get("charset", ""), is_html)
        if not is_right:
            self._faults.add("charset")
        pictures = []
        if is_html:
            text, pictures = self._page(text)
        leaf = _leaf(f"{part.kind}; charset=utf-8", text.encode("utf-8", "replace"))
        return _joined("related", [leaf, *pictures]) if pictures else leaf

    def _page(self, text):
        """Return HTML that libxml2 reads to its end, and what was a part of it."""
        # Whatever it was in, it is in UTF-8 now.
        text = _META.sub(r"\1utf-8", text)
        text, pictures = pages.take_pictures(text)
        if pages.is_deep(text):
            self._faults.add("html")
            with contextlib.suppress(LxmlError):
                text = pages.flatten(text)
        if pictures:
            self._faults.add("html")
        files = []
        for number, (kind, data) in enumerate(pictures):
            name = f"picture-{number}"
            files.append(self._file(data, name + _ending(kind), kind, name))
        return text, files

    def _attached(self, part):
        data, name, kind = part.content(self._mail), part.name, part.kind
        if kind == "message/rfc822" and not name.lower().endswith(".eml"):
            # Named by its subject as a rule: "Your order at example.com" is no program.
            name = f"{name or _subject(data)}.eml"
        if part.faults & {"type"}:
            kind = ""
        return self._file(
            data, name or "attachment" + _ending(kind), kind, part.content_id
        )

    def _file(self, data, name, kind, content_id=""):
        written, part = _file(data, name, kind, content_id)
        self._parts.append(part)
        return written


def _file(data, name, kind, content_id=""):
    """Return the mark of a file as a part, and what it stands for."""
    mark = secrets.token_hex().encode()
    head = [
        "Content-Type: application/octet-stream",
        f"Content-Disposition: attachment; filename*=utf-8''{quote(name, safe='')}",
    ]
    if content_id and content_id.isascii():
        head.append(f"Content-ID: <{one_line(content_id)}>")
    written = ["\r\n".join(head).encode(), b"\r\n\r\n", mark]
    return written, TakenOut(data, mark, kind)


def _leaf(kind, data):
    return [
        b"Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        % kind.encode(),
        base64.encodebytes(data),
    ]


_NUMBERS = itertools.count()


def _joined(subtype, parts):
    # No line of base64 and no mark has an underscore.
    boundary = f"=_{next(_NUMBERS)}_{secrets.token_hex(8)}".encode()
    pieces = [
        b'Content-Type: multipart/%s; boundary="%s"\r\n' % (subtype.encode(), boundary)
    ]
    for part in parts:
        pieces += [b"\r\n--", boundary, b"\r\n", *part]
    return [*pieces, b"\r\n--", boundary, b"--\r\n"]


def _ending(kind):
    return mimetypes.guess_extension(kind) or ""


def _subject(data):
    """Return the subject of a mail as the name of a file."""
    fields = split(data)[0]
    subject = next((value for name, value in fields if name == b"subject"), b"")
    return _NO_NAME.sub(" ", decoded(subject))[:80].strip() or "message"
