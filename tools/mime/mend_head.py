"""Headers that Python's parser, or Odoo behind it, cannot read or reads wrong.

Each is written anew with as much of it as can be read. What is right stays as it is.
"""

import email
import email.policy
import re
from datetime import timezone
from email.utils import formataddr

import dateutil.parser

from .charsets import decode, decode_words
from .mail_head import CONTROLS, one_line
from .split import LINE, Field, split

_ADDRESSES = frozenset(
    (b"from", b"to", b"cc", b"bcc", b"reply-to", b"sender", b"resent-to", b"resent-cc")
)
_IDS = frozenset((b"message-id", b"in-reply-to", b"references"))
_OTHERS = frozenset((b"subject", b"date"))

# A tab is where a line was folded.
_CONTROL = re.compile(rf"(?!\t)[{CONTROLS}]")
_ADDRESS = re.compile(
    r"""(?:"((?:\\.|[^"\\])*)"|([^<>,"]*?))\s*<\s*([^<>\s"]+@[^<>\s"]+)\s*>"""
    r"""|([^\s<>,;:"()]+@[^\s<>,;:"()]+)"""
)
_GROUP = re.compile(r'^[^"<>@,]*:.*;\s*$', re.S)
# What a header that is read at all may have; longer ones were cut (``mail_head.py``).
_MAX_READ = 32 * 1024

_LOST_FIELD = re.compile(
    rb"(?:subject|from|to|cc|date|message-id|mime-version|content-[a-z-]+|reply-to"
    rb"|in-reply-to|references|received|return-path):",
    re.I,
)
# Earlier ones are written with fewer digits, which Odoo does not read.
_FIRST_YEAR = 1000
_BOM = b"\xef\xbb\xbf"


def header_values(mail: bytes, *names: str) -> list[str]:
    """Return the values of headers as core will see them, whatever is wrong with them.

    What is decided by who wrote a mail to whom is decided by these and no others.

    :param mail: as it came
    :param names: in lower case
    """
    found = [one for one in split(mend_start(mail))[0] if one[0].decode() in names]
    data = b"".join(line for _name, line in mend_fields(found)[0])
    head = email.message_from_bytes(data, policy=email.policy.SMTP)
    return [str(value) for name in names for value in head.get_all(name, [])]


def mend_start(mail: bytes) -> bytes:
    """Take out what makes a head end before its headers do.

    A byte order mark, blanks before the first header, and lines that are no headers
    between others.

    :param mail: as it came
    :return: the mail, the same object when there is nothing to mend
    """
    start = len(_BOM) if mail.startswith(_BOM) else 0
    kept, begin = [], start
    while True:
        where = split(mail, begin)[1]
        line = LINE.match(mail, where)
        is_between = where > start and line[0].strip()
        if not (is_between and _LOST_FIELD.match(mail, line.end())):
            break
        kept.append(mail[begin:where])
        begin = line.end()
    return b"".join([*kept, memoryview(mail)[begin:]]) if begin else mail


def mend_fields(fields: list[Field]) -> tuple[list[Field], set[str]]:
    """Return headers as core can read them, and what was wrong with them.

    :param fields: from ``split``, without those that describe the content
    :return: the faults are words of ``core_copy.FAULTS``
    """
    mended, faults = [], set()
    for name, data in fields:
        new = _mended(name, data[:_MAX_READ])
        if new is not None:
            fault = {b"date": "date"}.get(
                name, "address" if name in _ADDRESSES else "header"
            )
            faults.add(fault)
            data = new
        if data:
            mended.append((name, data))
    return mended, faults


def _mended(name, data):
    """Return a header written anew, b"" to leave it out, None when it is right."""
    if name not in _ADDRESSES | _IDS | _OTHERS:
        return None if _can_be_read(name, data) else b""
    if name in _ADDRESSES:
        return _mended_addresses(name, data)
    is_right = data.isascii() and _can_be_read(name, data)
    if name == b"date":
        return None if is_right and not _is_out_of_range(data) else b""
    if is_right:
        return None
    if name in _IDS:
        found = re.findall(rb"<[!-;=?-~]+>", data)
        return _line(name, b" ".join(found).decode()) if found else b""
    return _line(name, _encoded(decoded(data)))


def _is_out_of_range(data):
    """Tell whether Odoo reads a date in it that it cannot store (``message_parse``)."""
    try:
        found = dateutil.parser.parse(_seen(b"date", data), fuzzy=True)
        return found.astimezone(timezone.utc).year < _FIRST_YEAR
    except OverflowError:
        return True
    except Exception:  # noqa: BLE001  it raises anything, and Odoo takes the present
        return False


def _mended_addresses(name, data):
    text = decoded(data)
    found = [
        (_words(quoted or plain or ""), address or bare)
        for quoted, plain, address, bare in _ADDRESS.findall(_text(data))
    ]
    known = _addresses(name, data)
    wrong = (
        known is None
        or not data.isascii()
        or data.count(b"=?") > 1
        or not {address.lower() for _name, address in found} <= known
        or _GROUP.match(text.strip())
        or _CONTROL.search(_seen(name, data))
    )
    if not wrong:
        return None
    pairs = [
        formataddr((one_line(who), address))
        for who, address in ((who, _plain(address)) for who, address in found)
        if address.isascii() and "=?" not in address
    ]
    return _line(name, ", ".join(pairs)) if pairs else b""


def _plain(address):
    """Return an address without encoded words, which have no business in it."""
    return "".join(one_line(_words(address)).split())


def _addresses(name, data):
    """Return the addresses that Python finds, None when it fails of them."""
    try:
        header = email.message_from_bytes(data, policy=email.policy.SMTP)[name.decode()]
        return {str(one.addr_spec).lower() for one in header.addresses}
    except Exception:  # noqa: BLE001  it raises anything
        return None


def _seen(name, data):
    """Return a header as core sees it, "" when Python fails of it."""
    try:
        message = email.message_from_bytes(data, policy=email.policy.SMTP)
        return str(message[name.decode()] or "")
    except Exception:  # noqa: BLE001  it raises anything
        return ""


def _can_be_read(name, data):
    try:
        message = email.message_from_bytes(data, policy=email.policy.SMTP)
        text = str(message[name.decode()] or "")
    except Exception:  # noqa: BLE001  it raises anything
        return False
    return not _CONTROL.search(text)


def _text(data):
    """Return the value of a header on one line, its encoded words as they are."""
    return one_line(decode(data.partition(b":")[2], "utf-8")[0])


def decoded(data: bytes) -> str:
    """Return the value of a header on one line, with its encoded words decoded."""
    return _words(_text(data))


def _words(text):
    """Return what a name or a value says, without its back-slashes."""
    return decode_words(re.sub(r"\\(.)", r"\1", text).strip()).strip()


def _encoded(text):
    text = one_line(text)
    return text if text.isascii() else formataddr((text, "x")).rpartition(" ")[0]


def _line(name, text):
    return name + b": " + text.encode("ascii", "replace") + b"\r\n"
