"""Forms whose fields are bytes: what Mailgun posts, split without losing one.

``application/x-www-form-urlencoded`` and ``multipart/form-data``. The values stay as
they were posted until somebody asks for them: the field that holds the mail may have a
hundred megabytes, and is nobody's business before the signature was checked.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from werkzeug.http import parse_options_header
from werkzeug.sansio import multipart

from ..errors import MalformedPayload

# Mailgun posts every header of the mail as a field of its own, so there may be many.
MAX_FIELDS = 2000

# Bytes handled at a time.
_STEP = 1024 * 1024

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_AS_QUOTED_PRINTABLE = bytes.maketrans(b"+%", b" =")


@dataclass(frozen=True)
class FilePart:
    """A part of a multipart form that has a file name.

    :param name: of the field
    :param filename: as the client says, never a path to be used
    :param content_type: as the client says, or ""
    :param data: the exact bytes
    """

    name: str
    filename: str
    content_type: str
    data: bytes


class Form:
    """The fields and files of one request, in their order.

    Names are matched with their case: every header of the mail is a field as well, and
    a sender may call one ``Recipient``.
    """

    def __init__(self, fields, files=(), decode=bytes):
        self._fields = fields
        self._decode = decode
        self.files = list(files)

    def names(self) -> list[str]:
        """Return the names of the fields that are no files."""
        return [name for name, _value in self._fields]

    def value(self, name: str) -> bytes | None:
        """Return the exact bytes of a field's last value; None without such a field."""
        for found, value in reversed(self._fields):
            if found == name:
                return self._decode(value)
        return None

    def text(self, name: str) -> str | None:
        """Return a field as text; None without one, or when it came as a file.

        What is not UTF-8 becomes a replacement character: such a value is shown to
        people, or compared with something that is ASCII.
        """
        value = self.value(name)
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
    raise MalformedPayload(f"a form was expected, not {kind or 'nothing'}")


# --- application/x-www-form-urlencoded ------------------------------------------------


def _parse_urlencoded(body: bytes) -> Form:
    view = memoryview(body)
    fields = []
    for start, end in _pairs(body):
        middle = body.find(b"=", start, end)
        middle = end if middle < 0 else middle
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
                raise MalformedPayload(f"the form has more than {MAX_FIELDS} fields")
            yield start, end
        start = end + 1


def _unquote(value: memoryview) -> bytes:
    """Undo percent-encoding, piece by piece, so that little memory is needed."""
    result = bytearray()
    start = 0
    while start < len(value):
        end = _piece_end(value, start)
        result += _unquote_piece(bytes(value[start:end]))
        start = end
    return bytes(result)


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
        raise MalformedPayload("the form has no valid boundary")
    fields, files = [], []
    try:
        for head, data in _parts(body, boundary):
            if isinstance(head, multipart.File):
                files.append(_file(head, data))
            else:
                fields.append((head.name, data))
    except ValueError as error:
        # Also werkzeug's RequestEntityTooLarge for a form of too many parts.
        raise MalformedPayload(f"the form is broken: {error}") from error
    return Form(fields, files)


def _parts(body: bytes, boundary: str) -> Iterator[tuple[multipart.Event, bytes]]:
    """Yield the head and the bytes of each part (RFC 7578)."""
    decoder = multipart.MultipartDecoder(boundary.encode("ascii"))
    head, data, count = None, [], 0
    for event in _events(decoder, body):
        if isinstance(event, multipart.Field | multipart.File):
            count += 1
            if count > MAX_FIELDS:
                raise ValueError(f"more than {MAX_FIELDS} fields")
            head, data = event, []
        elif isinstance(event, multipart.Data):
            data.append(event.data)
            if not event.more_data:
                yield head, b"".join(data)


def _events(decoder, body: bytes) -> Iterator[multipart.Event]:
    view = memoryview(body)
    chunks = (view[start : start + _STEP] for start in range(0, len(body), _STEP))
    for chunk in [*chunks, None]:
        decoder.receive_data(chunk)
        while True:
            event = decoder.next_event()
            if isinstance(event, multipart.NeedData | multipart.Epilogue):
                break
            yield event


def _file(head: multipart.File, data: bytes) -> FilePart:
    return FilePart(
        head.name, head.filename or "", head.headers.get("Content-Type", ""), data
    )
