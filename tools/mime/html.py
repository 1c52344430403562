"""HTML that libxml2 would cut: nested too deep, or with a picture in its source.

It gives up at 256 elements within each other, and at a text or an attribute of 10 MB;
what follows is gone without a word (``xmlParserMaxDepth``, ``XML_MAX_TEXT_LENGTH``).
"""

import base64
import binascii
import re

from lxml import html as lxml_html

# Elements within each other that stay; what Odoo wraps around comes on top.
_MAX_DEPTH = 200
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)", re.I)
_WHOLE_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)[^<>]*>", re.I)
# Whose end tags are often left out; a parser adds them.
_UNCLOSED = frozenset("dd dt li option p tbody td tfoot th thead tr".split())
# The parser of huge pages gives up at 2048.
_MAX_HUGE = 1000
_EMPTY = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()
)
# A picture becomes a file when its address has so many characters.
_LONG = 64 * 1024
_PICTURE = re.compile(
    r"data:(image/[a-z0-9.+-]{1,40});base64,([A-Za-z0-9+/=\s]{65536,})", re.I
)


def take_pictures(html: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Take large pictures out of the source.

    :return: the page, in which they have the addresses "cid:picture-0" ..., and of each
        its type and its bytes
    """
    if len(html) < _LONG:
        return html, []
    pictures = []

    def as_file(found):
        try:
            data = base64.b64decode(found[2])
        except binascii.Error:
            return found[0]
        pictures.append((found[1].lower(), data))
        return f"cid:picture-{len(pictures) - 1}"

    return _PICTURE.sub(as_file, html), pictures


def is_deep(html: str) -> bool:
    """Tell whether elements are nested deeper than libxml2 goes."""
    depth = deepest = 0
    for end, name in _TAG.findall(html):
        if name.lower() not in _EMPTY:
            depth = max(0, depth - 1) if end else depth + 1
            deepest = max(deepest, depth)
    return deepest > _MAX_DEPTH


def flatten(html: str) -> str:
    """Return a page without the elements that are nested too deep, but what is in them.

    :raise lxml.etree.LxmlError: it is no page for the parser
    """
    parser = lxml_html.HTMLParser(huge_tree=True)
    tree = lxml_html.document_fromstring(_pruned(html), parser=parser)
    for element in [one for one in tree.iter() if _depth(one) == _MAX_DEPTH]:
        for inner in list(element.iterdescendants()):
            if isinstance(inner.tag, str) and inner.tag not in _EMPTY:
                inner.drop_tag()
    return lxml_html.tostring(tree, encoding="unicode")


def _pruned(html):
    """Return a page without tags too deep even for a parser of huge ones."""
    depth = 0

    def kept(tag):
        nonlocal depth
        if tag[2].lower() in _EMPTY | _UNCLOSED:
            return tag[0]
        before, depth = depth, max(0, depth - 1) if tag[1] else depth + 1
        return tag[0] if min(before, depth) < _MAX_HUGE else ""

    return _WHOLE_TAG.sub(kept, html)


def _depth(element):
    return sum(1 for _one in element.iterancestors())
