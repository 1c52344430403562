"""Where the headers of a mail end, and what is one: as Python's parser sees it.

Core parses mail by Python's package. Whatever is found in a mail here must be found
there, so this follows ``email.feedparser`` (``_parsegen``, ``_parse_headers``) line by
line: what it passes over is passed over, and where it gives up the text begins.
"""

import re

#: One line with what ends it.
LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_FIELD = re.compile(rb"([\x21-\x39\x3b-\x7e]*):")

#: Bytes in which headers are looked for, and how many. What a mail has beyond is text
#: for us, and for Odoo behind us.
MAX_HEAD = 1024 * 1024
MAX_HEADERS = 10_000

Field = tuple[bytes, bytes]


def split(
    mail: bytes, start: int = 0, end: int | None = None
) -> tuple[list[Field], int]:
    """Find the headers of a mail, or of a part of it.

    :param start: where it begins
    :param end: where it ends; None = with the mail
    :return: each header as (name in lower case, all its bytes), and where the rest
        begins: the empty line, or the first line that is no header
    """
    end = len(mail) if end is None else end
    limit = min(end, start + MAX_HEAD)
    fields, current, where, postmark = [], None, start, None
    for line in LINE.finditer(mail, start, limit):
        begin, stop = line.span()
        if stop == limit < end or len(fields) > MAX_HEADERS:
            break
        field = _FIELD.match(mail, begin, stop)
        first = mail[begin : begin + 1]
        if first in (b" ", b"\t"):
            # Of what was passed over the rest is, too.
            if current:
                current[2] = stop
            postmark = None
        elif mail.startswith(b"From ", begin, stop):
            current, postmark = None, begin if begin > start else None
        elif field:
            current, postmark = None, None
            if field[1]:
                current = [field[1].lower(), begin, stop]
                fields.append(current)
        else:
            break
        where = stop
    if postmark is not None:
        # The last line of all: it is taken for the beginning of the text.
        where = postmark
    return [
        (name, mail[begin:stop]) for name, begin, stop in fields[:MAX_HEADERS]
    ], where


def line_end(mail: bytes) -> bytes:
    """Return what ends the first line of a mail; CRLF when it has no end."""
    first = LINE.match(mail, 0, MAX_HEAD)[0]
    return first[len(first.rstrip(b"\r\n")) :] or b"\r\n"


def after_empty_line(mail: bytes, where: int) -> int:
    """Return where the text begins behind the empty line, if there is one."""
    for mark in (b"\r\n", b"\r", b"\n"):
        if mail.startswith(mark, where):
            return where + len(mark)
    return where
