"""Bytes to text, whatever charset they say they are in.

The declared charset is tried strictly, and under the name that was meant: programs
call GBK "gb2312" and cp949 "ks_c_5601-1987". What it does not fit is in another one,
which is found by trial: UTF-8 cannot be taken for anything else by chance.
"""

import codecs
import contextlib
import re
from email.errors import HeaderParseError
from email.header import decode_header

from charset_normalizer import from_bytes

# What is written under these names (WHATWG Encoding Standard, "Names and labels").
_MEANT = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
    "us-ascii": "ascii",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
}
_META = re.compile(rb"""<meta[^>]{0,500}charset\s*=\s*["']?([\w.:-]{1,40})""", re.I)
# Bytes of a text that are looked at to find out.
_SAMPLE = 64 * 1024
# From so many bytes beyond ASCII in a hundred on it is no text in Latin letters.
_OTHER_SCRIPT = 30
# Of fewer nothing can be told.
_ENOUGH = 30
# Of UTF-8, beyond ASCII.
_LETTER = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_BROKEN = re.compile("\ufffd+")
_TWO_BYTES = re.compile(rb"\x1b\$[@B]((?:[\x21-\x7e]{2})*)(?:\x1b\([BJ])?")


def decode(data: bytes, charset: str = "", is_html: bool = False) -> tuple[str, bool]:
    """Return a text, and whether it is what its charset says.

    :param data: as it was before it was encoded for transport
    :param charset: as declared, "" when it is not
    :param is_html: a page may name its charset itself
    """
    declared = charset.strip("\"' \t<>").lower()
    if not declared and data.isascii():
        return data.decode("ascii"), True
    text = _strictly(data, _MEANT.get(declared, declared))
    if text is not None:
        return text, True
    return _by_trial(data, declared, is_html), False


def decode_words(text: str) -> str:
    """Return the text of a header with its encoded words decoded (RFC 2047).

    Blanks between two of them are none. What is none in spite of its signs stays.
    """
    if "=?" not in text:
        return text
    try:
        pieces = decode_header(text)
    except (HeaderParseError, ValueError, LookupError):
        return text
    return "".join(
        piece if isinstance(piece, str) else decode(piece, charset or "")[0]
        for piece, charset in pieces
    )


def _by_trial(data, declared, is_html):
    if declared.startswith("iso-2022-jp"):
        return _japanese(data)
    found = _META.search(data, 0, _SAMPLE) if is_html else None
    named = found[1].decode().lower() if found else ""
    for charset in ("utf-8", _MEANT.get(named, named)):
        text = _strictly(data, charset)
        if text is not None:
            return text
    # Some bytes of it are broken, or it was cut off in the middle of a letter.
    text = data.decode("utf-8", "replace")
    letters = len(_LETTER.findall(data[:_SAMPLE]))
    broken = len(_BROKEN.findall(text[:_SAMPLE]))
    if letters > broken or (letters == broken and declared == "utf-8"):
        return text
    beyond = sum(byte > 127 for byte in data[:_SAMPLE])
    if beyond >= _ENOUGH and 100 * beyond > _OTHER_SCRIPT * len(data[:_SAMPLE]):
        best = from_bytes(data[:_SAMPLE]).best()
        text = best and _strictly(data, best.encoding)
        if text:
            return text
    # Bytes that are of no letter in one are rare in the other.
    return data.decode("cp1252" if _strictly(data, "cp1252") else "latin-1")


def _strictly(data, charset):
    # A name with a NUL is a ValueError.
    with contextlib.suppress(LookupError, ValueError):
        if charset and codecs.lookup(charset)._is_text_encoding:
            return data.decode(charset)
    return None


def _japanese(data):
    """Decode ISO-2022-JP with the letters that NEC and IBM have put into it."""

    def as_shift_jis(found):
        pairs = zip(found[1][::2], found[1][1::2], strict=True)
        return b"".join(_shift_jis(*pair) for pair in pairs)

    return _TWO_BYTES.sub(as_shift_jis, data).decode("cp932", "replace")


def _shift_jis(first, second):
    """Return the bytes of a JIS X 0208 character in Shift JIS (JIS X 0208, annex 1)."""
    lead = (first + 1) // 2 + (0x70 if first < 0x5F else 0xB0)
    if first % 2:
        trail = second + (0x1F if second < 0x60 else 0x20)
    else:
        trail = second + 0x7E
    return bytes((lead, trail))
