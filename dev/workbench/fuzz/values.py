"""Values that stand where something else belongs: bytes, texts, JSON."""

import json
from dataclasses import dataclass

from hypothesis import strategies as st

DOMAIN = "mail.example.com"

# What has a meaning to somebody on the way: parsers, headers, SQL, logs.
_PIECES = (
    b"",
    b"\0",
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\r\n ",
    b'"',
    b"'",
    b"\\",
    b"<",
    b">",
    b"(",
    b")",
    b"[",
    b"{",
    b",",
    b";",
    b":",
    b"@",
    b"%",
    b"%00",
    b"%s",
    b"%(token)s",
    b"&",
    b"+",
    b"=",
    b"=?utf-8?q?=E9?=",
    b"=?utf-7?b?+AGE-?=",
    b"=?x?b?AA==?=",
    b"\x80",
    b"\xe9",
    b"\xc3\xa9",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98\x80",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"--x",
    b"\r\n--x",
    b"\r\n--x--",
    b"' OR 1=1 --",
    b"NaN",
    b"-1",
    b"1e400",
    b"9" * 30,
)
_COUNTS = (2, 20, 300, 5_000, 70_000)


@dataclass(frozen=True)
class Repeated:
    """The same many times; shown as that when it is part of a failing example."""

    unit: bytes
    count: int

    def __bytes__(self) -> bytes:
        return self.unit * self.count


pieces = st.sampled_from(_PIECES)
_texts = st.text(max_size=12).map(lambda text: text.encode("utf-8", "surrogatepass"))
_short = st.one_of(pieces, _texts, st.binary(max_size=12))
_long = st.builds(Repeated, pieces, st.sampled_from(_COUNTS))
#: Bytes, hardly ever many.
values = st.one_of(
    _short,
    st.lists(_short, max_size=4).map(b"".join),
    st.one_of(_short, _long),
).map(bytes)

#: Texts as JSON may have them, halves of surrogate pairs included.
texts = st.one_of(
    values.map(lambda value: value.decode("utf-8", "replace")),
    st.text(st.characters(), max_size=12),
    st.sampled_from(("\ud800", "\0", "\udfff.com", DOMAIN, f"a@{DOMAIN}")),
)
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from((10**400, -(10**30), 1e308)),
    texts,
)
#: Anything that JSON can say, and what Python's says besides (NaN, Infinity).
json_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def json_texts(draw, contents) -> bytes:
    """Write values as JSON, as others write it, or nearly as JSON.

    :param contents: what draws a value
    """
    text = json.dumps(draw(contents), ensure_ascii=draw(st.booleans()))
    encoding = draw(st.sampled_from(("utf-8",) * 8 + ("utf-16", "utf-32", "utf-8-sig")))
    body = text.encode(encoding, "surrogatepass")
    way = draw(st.integers(0, 11))
    if way == 0:
        return body[: draw(st.integers(0, len(body)))]
    if way == 1:
        return draw(values) + body + draw(values)
    if way == 2:
        return draw(st.sampled_from((b"[", b'{"a":'))) * draw(st.sampled_from(_COUNTS))
    return body
