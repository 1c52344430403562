"""Forms whose fields are bytes: what Mailgun posts, split without losing one.

``application/x-www-form-urlencoded`` and ``multipart/form-data``. The values stay as
they were posted until somebody asks for them: the field that holds the mail may have a
hundred megabytes, and is nobody's business before the signature was checked.
"""

import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from werkzeug.http import parse_options_header

from ..bodies import joined
from ..errors import MalformedPayload
from ..sentence import Sentence as _lt

# Mailgun posts every header of the mail as a field of its own, so there may be many.
MAX_FIELDS = 2000
# Bytes of a field's name as it was posted. Headers may have longer ones; those fields
# are passed over, for nobody asks for them.
MAX_NAME = 600
# Bytes in front of a part's content: the names of field and file, and the type. And
# those of all parts, for reading them takes longer than anything else.
MAX_PART_HEAD = 8 * 1024
MAX_PART_HEADS = 512 * 1024

# Bytes handled at a time.
_STEP = 1024 * 1024

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_AS_QUOTED_PRINTABLE = bytes.maketrans(b"+%", b" =")
# What follows the boundary in a line that separates parts; two dashes after the last.
_SEPARATOR_TAIL = re.compile(rb"(--)|[ \t]*\r\n")
_FOLDED = re.compile(r"\r\n[ \t]+")


@dataclass(frozen=True)
class FilePart:
    """A part of a multipart form that has a file name.

    :param name: of the field
    :param filename: as the client says, never a path to be used
    :param content_type: as the client says, or ""
    :param content: where the body has its bytes
    """

    name: str
    filename: str
    content_type: str
    content: memoryview

    @property
    def data(self) -> bytes:
        """Return a copy of the exact bytes."""
        return bytes(self.content)


class Form:
    """The fields and files of one request, in their order.

    Names are matched with their case: every header of the mail is a field as well, and
    a sender may call one ``Recipient``.
    """

    def __init__(
        self,
        fields: list[tuple[str, memoryview]],
        files: Iterable[FilePart] = (),
        decode: Callable[[memoryview], bytes] = bytes,
    ):
        self._fields = fields
        self._decode = decode
        self.files = list(files)

    def names(self) -> list[str]:
        """Return the names of the fields that are no files."""
        return [name for name, _value in self._fields]

    def value(self, name: str, most: int | None = None) -> bytes | None:
        """Return the exact bytes of a field's last value; None without such a field.

        :param most: bytes that it may have, as it was posted; a longer one is taken for
            none
        """
        for found, value in reversed(self._fields):
            if found == name:
                is_usable = most is None or len(value) <= most
                return self._decode(value) if is_usable else None
        return None

    def text(self, name: str, most: int | None = None) -> str | None:
        """Return a field as text; None without one, or when it came as a file.

        What is not UTF-8 becomes a replacement character: such a value is shown to
        people, or compared with something that is ASCII.

        :param most: see :meth:`value`
        """
        value = self.value(name, most)
        return None if value is None else value.decode("utf-8", "replace")

    def content(self, name: str) -> bytes | None:
        """Return the bytes of a field, or of the file that came under its name."""
        value = self.value(name)
        if value is not None:
            return value
        return next((file.data for file in self.files if file.name == name), None)


def parse_form(body: bytes, content_type: str) -> Form:
    """Split the body of a request.

    :param body: as it was received
    :param content_type: the header of that name
    :raise MalformedPayload: when it is no form, or a broken one
    """
    kind, options = parse_options_header(content_type)
    if kind == "application/x-www-form-urlencoded":
        return _parse_urlencoded(body)
    if kind == "multipart/form-data":
        return _parse_multipart(body, options.get("boundary", ""))
    raise MalformedPayload(_lt("a form was expected, and nothing else"))


# --- application/x-www-form-urlencoded ------------------------------------------------


def _parse_urlencoded(body: bytes) -> Form:
    view = memoryview(body)
    fields = []
    for start, end in _pairs(body):
        middle = body.find(b"=", start, end)
        middle = end if middle < 0 else middle
        if middle - start <= MAX_NAME:
            name = _unquote(view[start:middle]).decode("utf-8", "replace")
            fields.append((name, view[middle + 1 : end]))
    return Form(fields, decode=_unquote)


def _pairs(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each non-empty ``name=value`` starts and ends."""
    start, count = 0, 0
    while start < len(body):
        end = body.find(b"&", start)
        end = len(body) if end < 0 else end
        if end > start:
            count += 1
            if count > MAX_FIELDS:
                raise MalformedPayload(
                    _lt("the form has more than %(count)s fields", count=MAX_FIELDS)
                )
            yield start, end
        start = end + 1


def _unquote(value: memoryview) -> bytes:
    """Undo percent-encoding, piece by piece, so that little memory is needed."""
    return joined(map(_unquote_piece, _pieces(value)), len(value))


def _pieces(value: memoryview) -> Iterator[bytes]:
    start = 0
    while start < len(value):
        end = _piece_end(value, start)
        yield bytes(value[start:end])
        start = end


def _unquote_piece(piece: bytes) -> bytes:
    """Return what ``urllib.parse.unquote_to_bytes`` does, in C.

    That function makes an object of each escape, and 8-bit mail is nothing but escapes:
    30 MB take seven seconds. Quoted-printable is the same encoding with another sign.
    """
    if _BROKEN_ESCAPE.search(piece):
        return unquote_to_bytes(piece.replace(b"+", b" "))
    if b"=" in piece:
        piece = piece.replace(b"=", b"%3D")
    return binascii.a2b_qp(piece.translate(_AS_QUOTED_PRINTABLE))


def _piece_end(value: memoryview, start: int) -> int:
    """Return where a piece may end without cutting an escape (``%`` and two digits)."""
    end = min(start + _STEP, len(value))
    if end < len(value):
        for back in (1, 2):
            if value[end - back] == 0x25:
                return end - back
    return end


# --- multipart/form-data --------------------------------------------------------------


def _parse_multipart(body: bytes, boundary: str) -> Form:
    if not re.fullmatch(r"[ -~]{0,69}[!-~]", boundary):
        raise MalformedPayload(_lt("the form has no valid boundary"))
    fields, files = [], []
    for head, data in _parts(body, boundary.encode()):
        headers = _headers(head)
        _kind, options = parse_options_header(headers.get("content-disposition", ""))
        name = options.get("name")
        if name is None:
            raise MalformedPayload(_lt("the form is broken: a part has no name"))
        if "filename" in options:
            kind = headers.get("content-type", "")
            files.append(FilePart(name, options["filename"], kind, data))
        else:
            fields.append((name, data))
    return Form(fields, files)


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[str, memoryview]]:
    """Yield what stands in front of each part, and its bytes (RFC 7578, RFC 2046)."""
    view = memoryview(body)
    begin, spent = None, 0
    for start, end, is_last in _separators(body, b"\r\n--" + boundary):
        if begin is not None:
            # The line end of an empty part may be that of the empty line before it.
            blank = body.find(b"\r\n\r\n", begin, min(begin + MAX_PART_HEAD, start + 2))
            spent += blank - begin
            if blank < 0 or spent > MAX_PART_HEADS:
                raise MalformedPayload(
                    _lt("the form is broken: a part has no usable head")
                )
            head = bytes(view[begin:blank]).decode("utf-8", "replace")
            yield head, view[min(blank + 4, start) : start]
        if is_last:
            return
        begin = end
    raise MalformedPayload(_lt("the form is broken: it has no end"))


def _separators(body: bytes, mark: bytes) -> Iterator[tuple[int, int, bool]]:
    """Yield where each separating line starts and ends, and whether it is the last.

    :param mark: what such a line begins with, but for the first, which may begin the
        body
    """
    at = -2 if body.startswith(mark[2:]) else body.find(mark)
    count = 0
    while at != -1:
        count += 1
        # One more than there are parts.
        if count > MAX_FIELDS + 1:
            raise MalformedPayload(
                _lt("the form has more than %(count)s fields", count=MAX_FIELDS)
            )
        tail = _SEPARATOR_TAIL.match(body, at + len(mark))
        if tail:
            yield max(at, 0), tail.end(), bool(tail[1])
        at = body.find(mark, at + len(mark))


def _headers(head: str) -> dict[str, str]:
    lines = (line.partition(":") for line in _FOLDED.sub(" ", head).split("\r\n"))
    return {name.strip().lower(): value.strip() for name, _colon, value in lines}
