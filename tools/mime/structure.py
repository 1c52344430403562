"""What a mail is made of, found in its bytes: parts, their kinds, names and places.

Python's parser raises on some headers, and keeps each line of a file as an object of
its own, which takes eight to twelve times the room of the mail. Nothing here raises,
whatever a sender has written, and nothing is copied but headers.
"""

import base64
import binascii
import quopri
import re
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import unquote_to_bytes

from .charsets import decode, decode_words
from .mail_head import one_line
from .split import Field, after_empty_line, split

# Parts within parts that are looked into, and how many there may be.
_MAX_DEPTH = 30
_MAX_PARTS = 1000

_KIND = re.compile(r"\s*([\w.+-]+)/([\w.+-]+)")
_PARAMETER = re.compile(
    r";\s*([^\s=;*]+)(\*?\d{0,3}\*?)\s*=\s*(\"(?:\\.|[^\"\\])*\"|[^;]*)"
)
_FIRST_MARK = re.compile(rb"(?<![^\r\n])--([^\r\n]{1,200}?)[ \t]*(?:\r\n|\r|\n)")
_WORD = re.compile(r"[a-z0-9-]+")
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


@dataclass
class Part:
    """A part of a mail, or the mail itself.

    :param fields: its headers
    :param begin: where its headers begin, in bytes of the mail
    :param start: where its content begins
    :param end: where it ends
    :param kind: "text/plain" ...; what Python's parser makes of it when it is none
    :param parameters: of the Content-Type
    :param parts: what it is made of; empty for one with content
    :param faults: what is wrong with it, in words of ``core_copy.FAULTS``
    """

    fields: list[Field]
    begin: int
    start: int
    end: int
    kind: str
    parameters: dict[str, str]
    parts: list["Part"] = field(default_factory=list)
    faults: set[str] = field(default_factory=set)

    def header(self, name: str) -> str:
        """Return the first header of a name on one line, "" when there is none."""
        return header(self.fields, name)

    @property
    def main(self) -> str:
        """Return "text", "image" ..."""
        return self.kind.partition("/")[0]

    @property
    def disposition(self) -> str:
        """Return "attachment", "inline" or ""."""
        found = self.header("content-disposition").partition(";")[0]
        return found.strip().lower()

    @property
    def name(self) -> str:
        """Return the name of the file, "" when it has none."""
        found = _parameters(self.header("content-disposition")).get("filename")
        return one_line(found or self.parameters.get("name", ""))

    @property
    def content_id(self) -> str:
        """Return by which a page shows it, "" when no page does."""
        return "".join(self.header("content-id").split()).strip("<>")

    def content(self, mail: bytes) -> bytes:
        """Return its bytes as they were before they were encoded for transport."""
        text = memoryview(mail)[self.start : self.end]
        # Some put it in quotes, or a comment behind it.
        found = _WORD.search(self.header("content-transfer-encoding").lower())
        encoding = found[0] if found else ""
        if encoding == "base64":
            return _base64(text)
        if encoding == "quoted-printable":
            return quopri.decodestring(text)
        if encoding in ("x-uuencode", "uuencode", "uue", "x-uue"):
            message = Message()
            message["Content-Transfer-Encoding"] = encoding
            message.set_payload(bytes(text).decode("ascii", "surrogateescape"))
            return message.get_payload(decode=True)
        return bytes(text)


def read(mail: bytes) -> Part:
    """Find out what a mail is made of."""
    return _Reader(mail).part(0, len(mail), 0, "text/plain")


class _Reader:
    def __init__(self, mail: bytes):
        self._mail = mail
        self._left = _MAX_PARTS

    def part(self, begin: int, end: int, depth: int, usual: str) -> Part:
        self._left -= 1
        fields, where = split(self._mail, begin, end)
        start = min(after_empty_line(self._mail, where), end)
        value = header(fields, "content-type")
        found = _KIND.match(value)
        kind = f"{found[1]}/{found[2]}".lower() if found else usual
        part = Part(fields, begin, start, end, kind, _parameters(value))
        if value and not found:
            part.faults.add("type")
        if part.main == "multipart" and depth < _MAX_DEPTH and self._left > 0:
            self._take_apart(part, depth)
        return part

    def _take_apart(self, part, depth):
        """Find the parts; where there are none it is the text that people see."""
        marks = self._marks(part)
        if not marks:
            part.kind, part.parameters = "text/plain", {}
            part.faults.add("boundary")
            return
        usual = "message/rfc822" if part.kind == "multipart/digest" else "text/plain"
        for (_start, begin, is_last), (end, *_rest) in zip(
            marks, [*marks[1:], (part.end, 0, True)], strict=True
        ):
            if is_last:
                # Nothing comes behind it, but when parts around have the same boundary.
                continue
            # A mark at once behind another: an empty part.
            part.parts.append(self.part(begin, max(begin, end), depth + 1, usual))

    def _marks(self, part):
        """Return where lines with the boundary begin and end, and which ends all."""
        # It does not end with a blank (RFC 2046 5.1.1); some declare that it does.
        declared = part.parameters.get("boundary", "").rstrip()
        for boundary in dict.fromkeys((declared, declared.strip("<>'\""))):
            if boundary and (
                found := self._lines(boundary.encode("latin-1", "replace"), part)
            ):
                if boundary != declared:
                    part.faults.add("boundary")
                return found
        first = _FIRST_MARK.search(self._mail, part.start, part.end)
        if not first:
            return []
        part.faults.add("boundary")
        return self._lines(first[1], part)

    def _lines(self, boundary, part):
        mark = re.compile(
            rb"(?<![^\r\n])--%s[ \t]*(--)?[ \t]*(?:\r\n|\r|\n|\Z)" % re.escape(boundary)
        )
        return [
            (self._before(line.start(), part.start), line.end(), bool(line[1]))
            for line in mark.finditer(self._mail, part.start, part.end)
        ]

    def _before(self, mark, start):
        """Return where a part ends: the line end before the mark belongs to that."""
        for line_end in (b"\r\n", b"\r", b"\n"):
            if self._mail.endswith(line_end, start, mark):
                return mark - len(line_end)
        return mark


def header(fields: list[Field], name: str) -> str:
    """Return the first header of a name on one line, "" when there is none."""
    data = next((data for found, data in fields if found == name.encode()), b"")
    text, _is_right = decode(data.partition(b":")[2], "utf-8")
    return " ".join(text.split())


def _parameters(value: str) -> dict[str, str]:
    """Return the parameters of a header (RFC 2045 5.1, RFC 2231), as they are meant."""
    plain, extended = {}, {}
    for name, mark, text in _PARAMETER.findall(value):
        text = _unquoted(text.strip())
        if mark:
            number = mark.strip("*")
            place = int(number) if number else 0
            extended.setdefault(name.lower(), []).append((place, mark[-1] == "*", text))
        else:
            # Encoded words have no business in a parameter, and are there.
            plain.setdefault(name.lower(), decode_words(text))
    return plain | {name: _extended(pieces) for name, pieces in extended.items()}


def _unquoted(text):
    if len(text) > 1 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def _extended(pieces):
    charset, data = "", b""
    for number, is_encoded, text in sorted(pieces, key=lambda piece: piece[0]):
        if is_encoded and number == 0 and text.count("'") >= 2:
            charset, _language, text = text.split("'", 2)
        raw = text.encode("utf-8", "replace")
        data += unquote_to_bytes(raw) if is_encoded else raw
    return decode(data, charset)[0]


def _base64(text):
    try:
        return base64.b64decode(text)
    except binascii.Error:
        data = _NO_BASE64.sub(b"", text)
        data = data[: len(data) - (len(data) % 4 == 1)]
        return base64.b64decode(data + b"=" * (-len(data) % 4))
