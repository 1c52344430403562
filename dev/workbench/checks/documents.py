"""The documents: whether they are well-formed, and whether what they point at is there.

Those for people who use the module are reStructuredText, those for developers Markdown.
"""

import functools
import io
import posixpath
import re

from docutils import nodes
from docutils.core import publish_doctree

from ..machine import paths, sources

# As Odoo renders a README.rst (ir_module.py), but that it ignores what is wrong.
_SETTINGS = {
    "doctitle_xform": False,
    "file_insertion_enabled": False,
    "halt_level": 5,
    "report_level": 2,
}

_MARKDOWN_LINK = re.compile(r"\]\(([^)\s]+)\)")

# A file of the checkout, as documents write it in ``literals``.
_FILE = re.compile(r"(?:[a-z_]+/)+[\w.]*\.(?:py|rst|md|toml|xml|po)")


def rendering_problems() -> str:
    """Return what docutils says of the documents that it reads, or ""."""
    if "README.rst" not in sources.files(".rst"):
        return "there is no README.rst, which is where everybody begins"
    return "".join(_parsed(name)[1] for name in sources.files(".rst"))


def broken_links() -> str:
    """Return which links and names of files lead nowhere, one in a line, or ""."""
    known = set(sources.files())
    broken = [
        f"{name}: {target}"
        for name in sources.files(".rst") + sources.files(".md")
        for target in _targets(name)
        if not _is_there(name, target, known)
    ]
    return "\n".join(broken)


@functools.cache
def _parsed(name: str) -> tuple[nodes.document, str]:
    """Return a document, and what is wrong with it.

    :param name: its path in the checkout
    """
    warnings = io.StringIO()
    document = publish_doctree(
        (paths.ROOT / name).read_text(),
        source_path=name,
        settings_overrides={**_SETTINGS, "warning_stream": warnings},
    )
    return document, warnings.getvalue()


def _targets(name: str) -> list[str]:
    """Return where a document points to, but for other hosts."""
    if name.endswith(".md"):
        found = _MARKDOWN_LINK.findall((paths.ROOT / name).read_text())
    else:
        document = _parsed(name)[0]
        found = [
            link["refuri"]
            for link in document.findall(nodes.reference)
            if "refuri" in link
        ]
        literals = (one.astext() for one in document.findall(nodes.literal))
        files = filter(_FILE.fullmatch, literals)
        # These begin where the checkout does.
        found += [
            posixpath.relpath(one, posixpath.dirname(name) or ".") for one in files
        ]
    return [target for target in found if ":" not in target]


def _is_there(name: str, target: str, known: set[str]) -> bool:
    path, _hash, anchor = target.partition("#")
    file = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
    file = file if path else name
    if file not in known:
        return False
    return not anchor or anchor in _parsed(file)[0].ids
