"""The text of a mail, for people who decide what becomes of it.

Whatever the bytes of the mail are, this neither raises nor takes long. So it asks
Python's parser for as little as possible, and libxml2 for HTML.
"""

import email
import email.policy
import re
from collections.abc import Iterator
from email.message import Message

from lxml import etree

# Enough for every text that somebody reads; a mail may have 64 MB of attachments.
_MAX_READ = 256 * 1024

# Python's own way to a parameter takes time that grows with the square of the header.
_CHARSET = re.compile(r"""charset\s{0,9}=\s{0,9}["']?([^\s"';]+)""", re.IGNORECASE)
# What neither XML nor a screen takes.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_UNSEEN = frozenset(("script", "style", "head"))
# What stands around an element.
_BREAKS = {"td": " ", "th": " "} | dict.fromkeys(
    "blockquote br dd div dl dt h1 h2 h3 h4 h5 h6 hr li ol p pre table tr ul".split(),
    "\n",
)


def text_of(raw: bytes) -> str:
    """Return the text of a mail; of HTML what it says, and where its links lead.

    :param raw: the mail as it came
    :return: "" when the mail has no text, or none that can be read
    """
    try:
        mail = email.message_from_bytes(raw[:_MAX_READ], policy=email.policy.compat32)
        texts = {part.get_content_subtype(): part for part in reversed(_texts(mail))}
        if "plain" in texts:
            return _decoded(texts["plain"]).strip()
        return _text_of_html(_decoded(texts["html"])) if texts else ""
    except Exception:  # noqa: BLE001
        # Python's parser raises all kinds of errors for odd mails; the bytes can still
        # be downloaded.
        return ""


def _texts(mail: Message) -> list[Message]:
    return [
        part
        for part in mail.walk()
        if part.get_content_type() in ("text/plain", "text/html")
        and part.get_content_disposition() != "attachment"
    ]


def _decoded(part: Message) -> str:
    data = part.get_payload(decode=True)
    found = _CHARSET.search(str(part.get("Content-Type", "")))
    try:
        text = data.decode(found[1] if found else "utf-8", "replace")
    except (LookupError, UnicodeError):
        text = data.decode("utf-8", "replace")
    # Some charsets have halves of surrogate pairs, which no answer to a browser takes.
    return _CONTROL.sub(" ", text).encode("utf-8", "replace").decode()


def _text_of_html(html: str) -> str:
    """Return what a browser would show, or the source if that is nothing."""
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    tree = etree.fromstring(html.encode(), parser)
    pieces = [] if tree is None else _pieces(tree)
    lines = [" ".join(line.split()) for line in "".join(pieces).splitlines()]
    paragraphs = "\n".join(lines).split("\n\n")
    text = "\n\n".join(filter(None, (part.strip("\n") for part in paragraphs)))
    return text or html.strip()


def _pieces(tree: etree._Element) -> Iterator[str]:
    walk = etree.iterwalk(tree, events=("start", "end"))
    for event, element in walk:
        if event == "start":
            if element.tag in _UNSEEN:
                walk.skip_subtree()
                continue
            yield _BREAKS.get(element.tag, "")
            yield element.text or ""
        else:
            yield f" [{element.get('href')}]" if element.get("href") else ""
            yield _BREAKS.get(element.tag, "")
            yield element.tail or ""
