"""Mails that nobody has written."""

from hypothesis import strategies as st

from .values import DOMAIN, values

_NAMES = st.sampled_from(
    (
        b"From",
        b"To",
        b"Cc",
        b"Subject",
        b"Date",
        b"Message-Id",
        b"In-Reply-To",
        b"References",
        b"Received",
        b"Return-Path",
        b"Delivered-To",
        b"Reply-To",
        b"Sender",
        b"Auto-Submitted",
        b"Precedence",
        b"DKIM-Signature",
        b"X-Mailgun-Spf",
        b"X-Mailgun-Sscore",
        b"X-Mailgun-Sflag",
        b"X-Mailgun-Dkim-Check-Result",
        b"Content-Type",
        b"Content-Transfer-Encoding",
        b"Content-Disposition",
        b"Content-Id",
        b"MIME-Version",
        b"",
        b" ",
        b"From ",
    )
)
_USUAL = st.sampled_from(
    (
        f"Anna <anna@{DOMAIN}>".encode(),
        b"Customer <customer@example.org>",
        f"people@{DOMAIN}, nobody@{DOMAIN}".encode(),
        b"<1@example.org>",
        b"<1@example.org> <2@example.org>",
        b"Thu, 26 Nov 2026 10:00:00 +0000",
        b"from a (b [192.0.2.1]) by c with ESMTP",
        b"text/plain; charset=utf-8",
        b"text/html; charset=utf-7",
        b"text/plain; charset=\xff",
        b"text/plain; charset*0*=u''x; name*1=a",
        b"multipart/mixed; boundary=x",
        b"multipart/alternative; boundary=x",
        b"multipart/report; report-type=delivery-status; boundary=x",
        b"message/rfc822",
        b"message/delivery-status",
        b"message/partial; id=1",
        b"application/octet-stream; name=a.exe",
        b"text/calendar; method=REQUEST",
        b"base64",
        b"quoted-printable",
        b"uuencode",
        b"8bit",
        b"attachment; filename=a.pdf.exe",
        b"attachment; filename*=utf-8''%ff",
        b"auto-replied",
        b"Pass",
        b"v=1; d=example.org; s=x",
    )
)
_ENDS = st.sampled_from((b"\r\n",) * 6 + (b"\n", b"\r", b"\n\n"))
_headers = st.lists(
    st.tuples(st.one_of(_NAMES, _NAMES, values), st.one_of(_USUAL, _USUAL, values)).map(
        b": ".join
    ),
    max_size=8,
)


@st.composite
def _blocks(draw, contents) -> bytes:
    """Draw headers, and below them what ``contents`` draws."""
    end = draw(_ENDS)
    lines = draw(_headers)
    return b"".join(line + end for line in lines) + end + draw(contents)


@st.composite
def _multiparts(draw, contents) -> bytes:
    """Draw what could stand in a multipart of boundary x; its end may be missing."""
    parts = draw(st.lists(contents, max_size=3))
    body = b"".join(b"\r\n--x\r\n" + part for part in parts)
    return body + draw(st.sampled_from((b"\r\n--x--\r\n",) * 4 + (b"", b"\r\n--x")))


_HEAD = (
    f"From: Customer <customer@example.org>\r\nTo: people@{DOMAIN}\r\n"
    "Subject: A question\r\n"
).encode()
_parts = st.recursive(
    _blocks(values), lambda inner: _blocks(_multiparts(inner)), max_leaves=4
)
#: Mails from reasonable to absurd.
mails = st.one_of(
    _blocks(values),
    _parts,
    _parts.map(_HEAD.__add__),
    _parts.map(_HEAD.__add__),
    values,
)
