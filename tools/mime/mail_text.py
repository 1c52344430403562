"""The text of a mail, for people who decide what becomes of it.

Whatever the bytes of the mail are, this neither raises nor takes long.
"""

import re
from collections.abc import Iterator

from lxml import etree

from .charsets import decode
from .structure import Part, read

# Enough for every text that somebody reads; a mail may have 64 MB of attachments.
_MAX_READ = 256 * 1024

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
        raw = raw[:_MAX_READ]
        texts = {part.kind: part for part in reversed(list(_texts(read(raw))))}
        if "text/plain" in texts:
            return _decoded(texts["text/plain"], raw).strip()
        return _text_of_html(_decoded(texts["text/html"], raw)) if texts else ""
    except Exception:  # noqa: BLE001
        # libxml2 raises what it likes; the bytes can still be downloaded.
        return ""


def _texts(part: Part) -> Iterator[Part]:
    for one in part.parts:
        yield from _texts(one)
    is_text = part.kind in ("text/plain", "text/html") and not part.parts
    if is_text and part.disposition != "attachment":
        yield part


def _decoded(part: Part, mail: bytes) -> str:
    charset, is_html = part.parameters.get("charset", ""), part.kind == "text/html"
    text = decode(part.content(mail), charset, is_html)[0]
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
