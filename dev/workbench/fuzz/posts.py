"""Posts to the three endpoints, signed and not, whole and broken."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

from .mails import mails
from .values import DOMAIN, json_texts, json_values, pieces, texts, values

INBOUND, RAW, EVENTS = PATHS = (
    "/mailgun/inbound",
    "/mailgun/inbound/mime",
    "/mailgun/events",
)
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
JSON = "application/json"

# How a post is signed. Only what is "good" may be believed.
GOOD = "good"
_SIGNED = (GOOD, GOOD, "parent", "other key", "old", "future", "odd", "none")
# How a body is sent: with its length, in chunks, cut off, with more than was said.
_FRAMES = ("length",) * 6 + ("chunked", "cut off", "longer", "broken chunks")


@dataclass(frozen=True)
class Post:
    """A post but for its signature, which is of the moment when it is sent.

    :param path: of the endpoint
    :param signed: how, see ``_SIGNED``
    :param odd: values of the signed fields that stand there instead, when "odd"
    :param headers: of the request
    :param frame: how the body is sent, see ``_FRAMES``
    :param write: makes the body of the signed fields
    :param contents: what the body says, for whoever reads of a failing example
    """

    path: str
    signed: str
    odd: dict[str, object]
    headers: dict[str, bytes]
    frame: str
    write: Callable[[dict[str, object]], bytes] = field(repr=False)
    contents: object


_recipients = st.one_of(
    st.just(f"people@{DOMAIN}".encode()),
    st.just(f"nobody@{DOMAIN}".encode()),
    st.sampled_from(
        tuple(
            text.encode()
            for text in (
                "people@elsewhere.example",
                f"<people@{DOMAIN}>, b@{DOMAIN}",
                f"a@elsewhere.example,people@{DOMAIN}",
                f"people@{DOMAIN}\0",
                f"people@{DOMAIN}\r\nBcc: x@y.z",
                f"people\u2028@{DOMAIN}",
                "@",
                "a@\u0130.example",
                f"a@{'a.' * 200}com",
                ",".join([f"a@{DOMAIN}"] * 150),
            )
        )
    ),
    values,
)


# --- forms ----------------------------------------------------------------------------


@st.composite
def _forms(draw, tame: bool) -> list[tuple[bytes, bytes]]:
    """Draw the fields of a form.

    :param tame: around the mail itself everything is as Mailgun posts it
    """
    recipient = _recipients if not tame else st.just(f"people@{DOMAIN}".encode())
    fields = [(b"recipient", draw(recipient)), (b"sender", draw(values))]
    shape = draw(st.sampled_from(("raw", "raw", "parsed", "stored", "odd")))
    if shape == "raw":
        fields.append((b"body-mime", draw(mails)))
    elif shape != "odd":
        fields += draw(_parsed_fields())
    if shape == "stored":
        url = st.sampled_from(
            (
                b"https://storage-us-east4.api.mailgun.net/v3/domains/x/messages/1",
                b"https://[",
                b"https://evil.example\\.mailgun.net/",
                "https://x\uff0f.mailgun.net/".encode(),
            )
        )
        fields.append((b"message-url", draw(st.one_of(url, values))))
    if not tame:
        fields += draw(st.lists(st.tuples(values, values), max_size=3))
    return draw(st.permutations(fields))


@st.composite
def _parsed_fields(draw) -> list[tuple[bytes, bytes]]:
    pairs = st.lists(st.lists(texts, min_size=2, max_size=2), max_size=5)
    ids = st.dictionaries(texts, st.sampled_from(("attachment-1", "attachment-9")))
    found = [
        (b"message-headers", draw(json_texts(st.one_of(pairs, pairs, json_values)))),
        (b"body-plain", draw(values)),
        (b"body-html", draw(values)),
        (b"content-id-map", draw(json_texts(st.one_of(ids, json_values)))),
        (b"attachment-1", draw(values)),
        (b"attachment-count", draw(values)),
        (b"body-calendar", draw(values)),
        (b"Subject", draw(values)),
        (b"From", draw(values)),
    ]
    return found[: draw(st.integers(1, len(found)))]


@st.composite
def _urlencoded(draw, tame: bool):
    fields, safe, tail = draw(_forms(tame)), b"", b""
    if not tame:
        safe = draw(st.sampled_from((b"", b"", b"", bytes(range(128)))))
        tail = draw(st.sampled_from((b"", b"&" * 3000, b"=", b"%", b"&" + b"a" * 900)))

    def write(signed: dict[str, object]) -> bytes:
        more = [(name.encode(), _bytes(value)) for name, value in signed.items()]
        pairs = [
            quote_from_bytes(name, safe) + "=" + quote_from_bytes(value, safe)
            for name, value in (*fields, *more)
        ]
        return "&".join(pairs).encode() + tail

    return write, fields


@st.composite
def _multipart(draw, tame: bool):
    fields, oddity, end = draw(_forms(tame)), b"", b"\r\n--x--\r\n"
    files = st.sampled_from((b"", b"", b'; filename="a.bin"', b"; filename*=u''%ff"))
    kinds = st.sampled_from((b"", b"\r\nContent-Type: image/png"))
    tails = [
        b"" if name in (b"recipient", b"sender") else draw(files) + draw(kinds)
        for name, _value in fields
    ]
    if not tame:
        oddity = draw(pieces)
        end = draw(st.sampled_from((end, end, b"", b"\r\n--x", b"\n--x--")))

    def write(signed: dict[str, object]) -> bytes:
        more = [(name.encode(), _bytes(value)) for name, value in signed.items()]
        heads = [*tails, *([b""] * len(more))]
        parts = [
            b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s'
            % (name, tail, value)
            for (name, value), tail in zip([*fields, *more], heads, strict=True)
        ]
        return oddity + b"\r\n".join(parts) + end

    return write, [*zip(fields, tails, strict=True)]


# --- JSON -----------------------------------------------------------------------------

_EVENT = {
    "event": "delivered",
    "timestamp": 1770146431.65,
    "domain": {"name": DOMAIN},
    "recipient": "customer@example.org",
    "severity": "permanent",
    "reason": "bounce",
    "message": {"headers": {"message-id": "1@mail.example.com"}},
    "user-variables": {"odoo": "x"},
    "delivery-status": {"code": 550, "message": "No such user"},
    "client-info": {"bot": None, "device-type": "mobile"},
    "storage": {"url": "https://storage.api.mailgun.net/1", "key": "1"},
    "tags": [],
}


@st.composite
def _events(draw) -> object:
    event = {"id": draw(texts), **_EVENT}
    for name in draw(st.lists(st.sampled_from((*event, "domain", "new")), max_size=3)):
        event[name] = draw(json_values)
    if draw(st.integers(0, 4)) == 0:
        event["domain"] = {"name": draw(texts)}
    return event


@st.composite
def _json(draw, tame: bool):
    event = draw(_events() if tame else st.one_of(_events(), json_values))
    extra = {} if tame else draw(st.dictionaries(texts, json_values, max_size=1))
    mangle = draw(st.integers(tame, 5))
    text = draw(json_texts(json_values)) if mangle == 0 else b""

    def write(signed: dict[str, object]) -> bytes:
        if text:
            return text
        payload = {**extra, "signature": signed, "event-data": event}
        body = json.dumps(payload, ensure_ascii=mangle % 2 == 0)
        return body.encode("utf-8", "surrogatepass")

    return write, text or event


@st.composite
def _anything(draw, tame: bool):
    body = draw(mails if tame else values)
    return (lambda _signed: body), body


# --- posts ----------------------------------------------------------------------------

_KINDS = {
    URLENCODED: _urlencoded,
    MULTIPART: _multipart,
    JSON: _json,
    "text/plain": _anything,
}
_odd_fields = st.dictionaries(
    st.sampled_from(("timestamp", "token", "signature")),
    st.one_of(json_values, st.sampled_from(("", "٣", "9" * 13, "x" * 200, "a\r\nb"))),
    min_size=1,
)
_more_headers = st.dictionaries(
    st.sampled_from(
        ("Cookie", "Accept-Language", "Content-Encoding", "X-Forwarded-For", "Accept")
    ),
    st.one_of(
        st.just(b"session_id=abc"),
        st.binary(max_size=12).map(lambda value: bytes(b for b in value if b > 31)),
    ),
    max_size=1,
)
_content_types = st.one_of(
    st.sampled_from(
        (
            b"",
            b"multipart/form-data",
            b'multipart/form-data; boundary="\xff"',
            b"multipart/form-data; boundary=" + b"x" * 80,
            b"application/json; charset=utf-16",
            b"application/x-www-form-urlencoded; charset=\xff",
        )
    ),
    st.sampled_from([kind.encode() for kind in _KINDS]),
)


@st.composite
def posts(draw) -> Post:
    """Draw a post; half of them are as Mailgun posts but for what senders write."""
    tame = draw(st.booleans())
    path = draw(st.sampled_from((*PATHS, RAW)))
    usual = (JSON,) if path == EVENTS else (URLENCODED, MULTIPART)
    kind = draw(st.sampled_from(usual if tame else tuple(_KINDS)))
    write, contents = draw(_KINDS[kind](tame))
    if tame:
        headers = {"Content-Type": kind.encode()}
        return Post(path, GOOD, {}, headers, "length", write, contents)
    signed = draw(st.sampled_from(_SIGNED))
    odd = draw(_odd_fields) if signed == "odd" else {}
    headers = {"Content-Type": kind.encode(), **draw(_more_headers)}
    if draw(st.integers(0, 4)) == 0:
        headers["Content-Type"] = draw(_content_types)
    frame = draw(st.sampled_from(_FRAMES))
    return Post(path, signed, odd, headers, frame, write, contents)


def _bytes(value: object) -> bytes:
    """Return what a form has of a value that JSON could have."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "surrogatepass")
