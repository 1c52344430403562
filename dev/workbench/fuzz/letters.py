"""Broken mails of which it is known what they carry: files, and words of a text."""

import binascii
import itertools
import json
import quopri
from dataclasses import dataclass

from hypothesis import strategies as st

from .mails import mails
from .values import DOMAIN, pieces

#: Where they go.
RECIPIENT = f"people@{DOMAIN}"
# Of one length: what is drawn may not depend on what was drawn before.
_NUMBERS = itertools.count(10**8)


@dataclass(frozen=True)
class Letter:
    """A mail that nobody has written, with ``%d`` in the place of its number.

    :param head: its headers without those of the content, each with its line end
    :param content: its headers from Content-Type on, and what is below
    :param files: the bytes of its files
    :param words: what its text says, and no header
    :param names: of the files in Mailgun's form, which never has none
    :param is_torn: nobody knows what it carries, and how Mailgun would take it apart
    """

    head: tuple[bytes, ...]
    content: bytes
    files: tuple[bytes, ...] = ()
    words: tuple[str, ...] = ()
    names: tuple[bytes, ...] = ()
    is_torn: bool = False

    def raw(self, number: int) -> bytes:
        """Return it as MIME."""
        return b"".join(self._head(number)) + self.content

    def fields(self, number: int) -> list[tuple[bytes, bytes, bytes | None]]:
        """Return it as Mailgun takes it apart: name, value, and name of a file."""
        pairs = [
            [part.decode("utf-8", "replace").strip() for part in line.split(b":", 1)]
            for line in self._head(number)
            if b":" in line[1:]
        ]
        headers = json.dumps(pairs).encode()
        text = "\r\n".join(self.words).encode()
        found = [(b"message-headers", headers, None), (b"body-plain", text, None)]
        for place, (data, name) in enumerate(
            zip(self.files, self.names, strict=True), 1
        ):
            found.append((b"attachment-%d" % place, data, name))
        return found

    def _head(self, number):
        numbered = b"%d" % number
        return [line.replace(b"%d", numbered) for line in self.head]


# --- headers --------------------------------------------------------------------------

_ADDRESS = b"customer%d@example.org"
_FROM = st.sampled_from(
    (
        b"Customer <%s>",
        b"%s",
        b'"Lone <%s>',
        b"J\xf6rg [Vertrieb] <%s>",
        "Jörg <%s>".encode(),
        b"=?utf-8?q?J=C3=B6rg?= <%s>",
        b"=?x-unknown?q?J=F6rg?= <%s>",
        b"=?utf-8?q?a=0D=0ABcc:_b?= <%s>",
        b"=?utf-8?b?abcde?= <%s>",
        b"Customers: %s;",
        b"<<%s>>",
        b"customer%%d@",
        b"\0<%s>",
        b"a b <%s",
        b"",
    )
).map(lambda value: value.replace(b"%s", _ADDRESS).replace(b"%%", b"%"))
_TO = st.sampled_from(
    (
        RECIPIENT.encode(),
        f"People <{RECIPIENT}>".encode(),
        b"undisclosed-recipients:;",
        f'"people" <{RECIPIENT}>, "lone <a@b.example>, c'.encode(),
        f"Team: {RECIPIENT}, a@b.example;".encode(),
        b",".join([b"a%d@b.example"] * 300),
        f"{RECIPIENT}\r\n , <@>".encode(),
        b"=?utf-8?q?People?= <people@mail.example.com>, \xe9@b.example",
        b"",
    )
)
_SUBJECT = st.sampled_from(
    (
        b"A question",
        b"A \0 question",
        b"Gr\xf6\xdfe",
        "Größe".encode(),
        b"=?utf-8?q?Gr=C3=B6=C3=9Fe?=",
        b"=?utf-8?q?a=0D=0Ab?=",
        b"=?x-unknown?b?AA==?=",
        b"=?utf-8?b?abcde?=",
        b"Folded\r\n\tand folded",
        b"word " * 2000,
        b"",
    )
)
_DATE = st.sampled_from(
    (
        b"Thu, 26 Nov 2026 10:00:00 +0000",
        b"Thu, 26 Nov 2026 10:00:00 +9999",
        b"Thu, 99 Foo 99999 10:00:00",
        b"1 Jan 0001 00:00:00 +1400",
        b"31 Dec 9999 23:59:59 -1200",
        b"9" * 40,
        b"\xe9",
        b"",
    )
)
# Lines among the headers that Python's parser passes over, or takes for headers.
_ODD_LINES = st.lists(
    st.sampled_from(
        (
            b"From somebody Thu Nov 26 10:00:00 2026",
            b": no name",
            b"X-8bit: \xe9\xff",
            b"X-Long: " + b"a" * 40_000,
            b"X-Encoded: =?utf-8?q?" + b"a" * 300 + b"?=",
            b"References: <a@b> <c d> e@f <\xe9@g>",
            b"In-Reply-To: nothing that is one",
            b"In-Reply-To: <%d.1@elsewhere.example>",
            b"Content-Language: \0",
            b"Content-Disposition: ;;",
            b"Auto-Submitted: auto-generated",
            b"Reply-To: group: a@b.example, \xe9;",
            b"Cc: \"a, b <c@d.example>, 'e",
            b"Sender:",
            b"Received: from a (\xe9) by b; yesterday",
            b"Date: once more",
            b"Return-Path: <other@example.org>",
            b"DKIM-Signature: v=1; d=; s=x",
            b"MIME-Version: 2.0 (\xe9)",
        )
    ),
    max_size=3,
)


@st.composite
def _heads(draw) -> tuple[bytes, ...]:
    lines = [b"Message-Id: <letter-%d@example.org>"]
    for name, values in (
        (b"From", _FROM),
        (b"To", _TO),
        (b"Subject", _SUBJECT),
        (b"Date", _DATE),
    ):
        if value := draw(values):
            lines.append(name + b": " + value)
    for line in draw(_ODD_LINES):
        lines.insert(draw(st.integers(1, len(lines))), line)
    return tuple(line + b"\r\n" for line in lines)


# --- files ----------------------------------------------------------------------------

_DATA = st.one_of(
    st.binary(min_size=1, max_size=60),
    st.sampled_from(
        (
            b"%PDF-1.4 \xe9\n%%EOF",
            b"\x89PNG\r\n\x1a\n\0\0",
            "Größe;Preis\r\n38;12,50\r\n".encode("latin-1"),
            b'<?xml version="1.0" encoding="iso-8859-1"?><a>\xe9</a>',
            b"<html><script>alert(1)</script>\xe9</html>",
            b"BEGIN:VCALENDAR\r\nSUMMARY:\xe9\r\nEND:VCALENDAR",
            b"From: a@b.example\r\nSubject: \xe9\r\n\r\nHi",
            b"\xff\xfea\0",
            b"\0",
            b" \t",
            b"=?utf-8?q?a?=",
        )
    ),
)
_KINDS = st.sampled_from(
    (
        b"application/pdf",
        b"application/octet-stream",
        b"application/xml; charset=iso-8859-1",
        b"application/x-unknown; charset=nobody-knows",
        b"text/csv; charset=us-ascii",
        b"text/plain",
        b"text/plain; charset=nobody-knows",
        b"text/html; charset=utf-16",
        b"text/calendar; method=REQUEST; charset=utf-8",
        b"text/xml",
        b"image/png",
        b"message/rfc822",
        b"message/partial; id=1",
        b"model/stl",
        b"font/woff2",
        b"bin/x",
        b"document/\xe9",
        b"signature/x",
        b"PDF",
        b"application/",
        b"/",
        b"application/pdf; name*",
        b"application/pdf; name*0*=u''%ff; name*2=a",
        b'application/pdf; x="',
        b"",
    )
)
_NAMES = st.sampled_from(
    (
        b"; filename=a.pdf",
        b'; filename="a.pdf"',
        b'; filename="a.pdf"',
        b"; filename=two words.pdf",
        b"; filename*=utf-8''gr%C3%B6%C3%9Fe.pdf",
        b"; filename*=nobody-knows'x'%ff.pdf",
        b"; filename*0=a; filename*1*=%2Epdf",
        b'; filename="=?utf-8?q?gr=C3=B6=C3=9Fe?=.pdf"',
        b'; filename="=?utf-8?b?abcde?="',
        b'; filename="gr\xf6\xdfe.pdf"',
        b'; filename="a\0.pdf"',
        b'; filename="no end',
        b'; filename="../../etc/passwd"',
        b'; filename="' + b"x" * 400 + b'.pdf"',
        b"; filename=invoice.pdf.exe",
        b"; filename=",
        b";;",
        b"",
    )
)
_MORE = st.sampled_from(
    (
        b"",
        b"",
        b"Content-Id: <same@example.org>\r\n",
        b"Content-Id:\r\n <folded@example.org>\r\n",
        b"Content-Id: \xe9\r\n",
        b"Content-Description: =?x?q?\0?=\r\n",
        b"X: \0\r\n",
    )
)


def _lines(data):
    return binascii.b2a_base64(data)


def _one_in_two(data):
    text = binascii.b2a_base64(data, newline=False)
    return text[:3] + b"\r\n \r\n" + text[3:]


def _uuencoded(data):
    lines = [data[start : start + 45] for start in range(0, len(data), 45)]
    return b"begin 644 a\n" + b"".join(map(binascii.b2a_uu, lines)) + b"`\nend\n"


_ENCODINGS = st.sampled_from(
    (
        (b"base64", _lines),
        (b"BASE64 ", _one_in_two),
        (b"quoted-printable", lambda data: binascii.b2a_qp(data, istext=False)),
        (b"x-uuencode", _uuencoded),
        (b"8bit", None),
        (b"binary", None),
        (b"nobody-knows", None),
        (b"", None),
    )
)


@st.composite
def _files(draw) -> tuple[bytes, bytes]:
    """Draw a file: as a part, and its bytes."""
    data, kind = draw(_DATA), draw(_KINDS)
    encoding, encode = draw(_ENCODINGS)
    if not encode:
        # The end of line before a boundary belongs to that (RFC 2046 5.1.1).
        data = data.rstrip(b"\r\n") or b"x"
    head = [
        b"Content-Disposition: attachment" + draw(_NAMES) + b"\r\n",
        b"Content-Type: " + kind + b"\r\n" if kind else b"",
        b"Content-Transfer-Encoding: " + encoding + b"\r\n" if encoding else b"",
        draw(_MORE),
    ]
    head = draw(st.permutations(head))
    return b"".join(head) + b"\r\n" + (encode(data) if encode else data), data


# --- texts ----------------------------------------------------------------------------

_LETTERS = st.sampled_from(
    (
        (b"utf-8", "Größe".encode()),
        (b"utf-8", b"Gr\xf6\xdfe"),
        (b"us-ascii", "Größe".encode()),
        (b"nobody-knows", b"Gr\xf6\xdfe"),
        (b"gb2312", "朱镕基".encode("gb18030")),
        (b"iso-2022-jp", b"\x1b$B-!\x1b(B"),
        (b"utf-7", b"+AGE-"),
        (b"hex", b""),
        (b'""', b"\x80\x81"),
        (b"'utf-8'", b"\xff\xfe"),
        (b"a\0b", b"\0"),
        (b"", b"\xe9"),
    )
)
_PAGES = st.sampled_from(
    (
        b"<p>%s</p>",
        b"<html><head><meta charset=x-unknown></head><body>%s",
        b'<?xml version="1.0" encoding="utf-8"?><html><p>%s</p></html>',
        b"<div>" * 300 + b"%s" + b"</div>" * 300,
        b"<img src='data:image/png;base64," + b"iVBO" * 30 + b"'><p>%s</p>",
        b"<!-- a --><p>%s</p><!-- no end",
        b"<table><tr><p>%s<blockquote>",
    )
)
_PLAIN = st.sampled_from((b"%s", b"  %s", b"> a\r\n%s\r\n-- \r\nme", b"From %s"))


@st.composite
def _texts(draw) -> tuple[bytes, str]:
    """Draw a text or a page, and a word in it."""
    word = f"word{next(_NUMBERS)}word"
    charset, letters = draw(_LETTERS)
    kind, frame = b"plain", draw(_PLAIN)
    if draw(st.booleans()):
        kind, frame = b"html", draw(_PAGES)
    data = frame.replace(b"%s", word.encode() + b" " + letters)
    head = b"Content-Type: text/" + kind
    if charset:
        head += b"; charset=" + charset
    if draw(st.booleans()):
        head += b"\r\nContent-Transfer-Encoding: quoted-printable"
        data = quopri.encodestring(data)
    return head + b"\r\n\r\n" + data, word


# --- mails ----------------------------------------------------------------------------

# How a boundary is declared, and what it is.
_BOUNDARIES = st.sampled_from(
    (
        (b'; boundary="%s"', b"%s"),
        (b'; boundary="%s"', b"%s"),
        (b"; boundary=%s", b"%s"),
        (b"; boundary==%s=", b"=%s="),
        (b"; boundary=a/%s:b", b"a/%s:b"),
        (b"; boundary='%s'", b"'%s'"),
        (b"; boundary='%s'", b"%s"),
        (b"; boundary=<%s>", b"%s"),
        (b'; boundary="%s "', b"%s"),
        (b"; boundary=another", b"%s"),
        (b";\r\n\tBoundary = %s ; x=y", b"%s"),
        (b"; boundary", b"%s"),
        (b"", b"%s"),
    )
)
_SUBTYPES = st.sampled_from(
    (b"mixed", b"mixed", b"related", b"signed", b"x-unknown", b"parallel", b"\xe9")
)


@st.composite
def _multiparts(draw, contents):
    """Draw parts in one: content, files, words."""
    parts = draw(st.lists(contents, min_size=1, max_size=4))
    declared, boundary = draw(_BOUNDARIES)
    name = b"b%d" % next(_NUMBERS)
    boundary = boundary.replace(b"%s", name)
    lines = [
        b"Content-Type: multipart/" + draw(_SUBTYPES) + declared.replace(b"%s", name),
        b"",
        draw(st.sampled_from((b"", b"A preamble \xe9"))),
    ]
    for content, _found, _words in parts:
        lines += [b"--" + boundary + draw(st.sampled_from((b"", b"", b" \t"))), content]
    if draw(st.integers(0, 3)):
        lines += [b"--" + boundary + b"--", draw(st.sampled_from((b"", b"\xe9")))]
    files = sum((found for _content, found, _words in parts), ())
    words = sum((words for _content, _found, words in parts), ())
    return b"\r\n".join(lines), files, words


_leaves = st.one_of(
    _texts().map(lambda drawn: (drawn[0], (), (drawn[1],))),
    _files().map(lambda drawn: (drawn[0], (drawn[1],), ())),
)
_contents = st.one_of(
    _texts().map(lambda drawn: (drawn[0], (), (drawn[1],))),
    _multiparts(st.recursive(_leaves, _multiparts, max_leaves=4)),
)


@st.composite
def whole(draw) -> Letter:
    """Draw a letter that is broken only so far that it can be told what it carries."""
    content, files, words = draw(_contents)
    names = st.sampled_from((b"a.pdf", b"a.pdf", "größe.csv".encode(), b"x", b""))
    drawn = draw(st.lists(names, min_size=len(files), max_size=len(files)))
    return Letter(draw(_heads()), content, files, words, tuple(drawn))


@st.composite
def torn(draw) -> Letter:
    """Draw a letter in which something was cut out, put in or repeated anywhere."""
    letter = draw(whole())
    data = b"".join(letter.head) + letter.content
    for _time in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from((0, 1, 2, 10, 100))))
        new = draw(st.one_of(pieces, st.just(data[start:end] * 2), st.just(b"")))
        data = data[:start] + new + data[end:]
    return _as_letter(data)


def _as_letter(data):
    # The same bytes once more are the same mail.
    return Letter((data + b"\r\n%d",), b"", is_torn=True)


# A strategy that is one of several would count as that many here.
_KINDS_OF_LETTERS = (whole(),) * 5 + (torn(),) * 4 + (mails.map(_as_letter),)
#: Letters of every kind; of half of them it is known what they carry.
letters = st.integers(0, 9).flatmap(_KINDS_OF_LETTERS.__getitem__)
