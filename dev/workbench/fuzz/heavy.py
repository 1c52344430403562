"""Large posts, in every form that Mailgun has for them."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

from .posts import URLENCODED
from .values import DOMAIN

MIB = 1024 * 1024
#: Bytes of what is large in each; a body is as large, or a little larger.
LARGE = 24 * MIB

_Fields = dict[str, bytes]
_BOUNDARY = b"around-the-fields"
_MULTIPART = f"multipart/form-data; boundary={_BOUNDARY.decode()}"


@dataclass(frozen=True)
class Heavy:
    """A form with a large mail in it.

    :param name: what it is, for people
    :param content_type: of the request
    :param fields: makes what is posted, apart from signature and envelope
    :param write: makes the body of all fields
    """

    name: str
    content_type: str
    fields: Callable[[int], _Fields]
    write: Callable[[_Fields], bytes]

    def body(self, number: int, signed: dict[str, str]) -> bytes:
        """Return a body that differs from that of every other number."""
        envelope = {
            "recipient": f"people@{DOMAIN}".encode(),
            "sender": b"customer@example.org",
        }
        signed_fields = {name: value.encode() for name, value in signed.items()}
        return self.write({**envelope, **signed_fields, **self.fields(number)})


def mail(number: int, size: int = LARGE) -> bytes:
    """Return a mail with a large file."""
    return (
        b"From: customer@example.org\r\nTo: people@%s\r\nSubject: Large\r\n"
        b"Message-Id: <large-%d@example.org>\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
        b"--x\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
        b"--x\r\nContent-Type: application/pdf\r\n"
        b"Content-Disposition: attachment; filename=a.pdf\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n%s--x--\r\n"
    ) % (DOMAIN.encode(), number, (b"JVBE" * 19 + b"\r\n") * (size // 78))


def _of_text(number: int) -> bytes:
    head = f"Subject: Large\r\nMessage-Id: <text-{number}@example.org>\r\n\r\n"
    return head.encode() + b"How much is it?\n" * (LARGE // 16)


def _of_bytes(number: int) -> bytes:
    head = f"Subject: Large\r\nMessage-Id: <bytes-{number}@example.org>\r\n\r\n"
    return head.encode() + b"\xe9" * (LARGE // 3)


def _raw(make: Callable[[int], bytes]) -> Callable[[int], _Fields]:
    return lambda number: {"body-mime": make(number)}


def _parsed(**more: bytes) -> Callable[[int], _Fields]:
    def fields(number: int) -> _Fields:
        headers = f'[["From", "a@x.org"], ["Message-Id", "<parsed-{number}@x.org>"]]'
        return {"message-headers": headers.encode(), **more}

    return fields


def _urlencode(fields: _Fields) -> bytes:
    pairs = (f"{name}={quote_from_bytes(value)}" for name, value in fields.items())
    return "&".join(pairs).encode()


def _multipart(fields: _Fields) -> bytes:
    pieces = []
    for name, value in fields.items():
        file = b'; filename="a.pdf"' if name.startswith("attachment") else b""
        head = b'\r\nContent-Disposition: form-data; name="%s"' % name.encode()
        pieces += [b"--" + _BOUNDARY + head + file + b"\r\n\r\n", value, b"\r\n"]
    return b"".join([*pieces, b"--" + _BOUNDARY + b"--\r\n"])


SMALL = Heavy("a small mail", URLENCODED, _raw(lambda n: mail(n, 78)), _urlencode)
RAW_FILE = Heavy("a mail with a file", URLENCODED, _raw(mail), _urlencode)
#: All of them; the first is what most large mails look like.
ALL = (
    RAW_FILE,
    Heavy("a mail of text", URLENCODED, _raw(_of_text), _urlencode),
    Heavy("a mail of 8-bit bytes", URLENCODED, _raw(_of_bytes), _urlencode),
    Heavy("a mail as multipart", _MULTIPART, _raw(mail), _multipart),
    Heavy(
        "a parsed form with a file",
        _MULTIPART,
        _parsed(**{"body-plain": b"Hello", "attachment-1": b"%PDF" * (LARGE // 4)}),
        _multipart,
    ),
    Heavy(
        "a parsed form with text",
        URLENCODED,
        _parsed(**{"body-plain": b"How much is it?\n" * (LARGE // 16)}),
        _urlencode,
    ),
)
