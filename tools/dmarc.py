"""Whether a sender and the domain that signs belong together (RFC 9989, DMARC).

They do when they have one organizational domain. That is found by a walk through the
DNS, from a name up to its top (4.10); where that says nothing, by the list of public
suffixes, under which anybody can have a domain.

Both come from packages that need not be there: ``dnspython`` and ``publicsuffixlist``,
which brings its own copy of the list. Without them less is known, and nothing guessed.
"""

import contextlib
import re
import time
from collections.abc import Callable, Iterable
from functools import cache

_MAX_QUERIES = 8
# For all names together: somebody waits for it.
_DNS_SECONDS = 5
_TAG = re.compile(r"\s*([a-z]+)\s*=\s*([^;]*?)\s*(?:;|$)", re.I)

# What is known of the record of a name: its text, "" = none, None = not looked at.
RecordOf = Callable[[str], str | None]


def _not_looked_at(_name: str) -> None:
    """Know no record."""


def walk(name: str) -> list[str]:
    """Return the names that are asked for a record, from ``name`` up (4.10.1)."""
    labels = name.lower().strip(".").split(".")
    names = [".".join(labels[start:]) for start in range(len(labels))]
    # Of a long name the middle is left out.
    left_out = max(0, len(names) - _MAX_QUERIES)
    return names[:1] + names[1 + left_out :]


def tags_of(record: str) -> dict[str, str]:
    """Return the tags of a record in lower case; nothing when it is none."""
    found = {name.lower(): value.lower() for name, value in _TAG.findall(record)}
    return found if found.get("v") == "dmarc1" else {}


def organizational_domain(name: str, record_of: RecordOf) -> str:
    """Return the organizational domain of a name (4.10.2), "" = it is not known."""
    names = walk(name)
    found = [(one, record_of(one)) for one in names]
    if all(record is not None for _one, record in found):
        told = [(one, tags) for one, record in found if (tags := tags_of(record))]
        for position, (one, tags) in enumerate(told):
            if tags.get("psd") == "n":
                return one
            if tags.get("psd") == "y" and one != names[0]:
                return names[names.index(one) - 1]
            if position == len(told) - 1:
                return one
    listed = _public_suffixes()
    return (listed.privatesuffix(name.lower()) or "") if listed else ""


def alignment(sender: str, signer: str, record_of: RecordOf = _not_looked_at) -> str:
    """Tell how the domain of a From and the one that signs belong together.

    :param record_of: what is known of DMARC records
    :return: "strict" = they are the same; "relaxed" = of one organization; "unknown" =
        one is below the other, and that may be a public suffix; "none"
    """
    sender, signer = sender.lower().strip("."), signer.lower().strip(".")
    if not sender or "." not in sender:
        return "none"
    if sender == signer:
        return "strict"
    mine, theirs = (organizational_domain(one, record_of) for one in (sender, signer))
    if mine and theirs:
        return "relaxed" if mine == theirs else "none"
    if _public_suffixes():
        # One of them is such a suffix itself.
        return "none"
    is_related = sender.endswith(f".{signer}") or signer.endswith(f".{sender}")
    return "unknown" if is_related else "none"


def policy_record(sender: str, record_of: RecordOf) -> tuple[str, dict[str, str]]:
    """Return which record tells receivers about mail of a domain (4.10.1).

    :return: the name that has it, and its tags; "" when there is none, or none is known
    """
    names = dict.fromkeys([sender.lower(), organizational_domain(sender, record_of)])
    for name in filter(None, names):
        if tags := tags_of(record_of(name) or ""):
            return name, tags
    return "", {}


def look_up(names: Iterable[str]) -> dict[str, str]:
    """Return the DMARC record of each name, "" where there is none.

    Names of which the DNS says nothing now are left out, and all of them where the
    package is missing.
    """
    found: dict[str, str] = {}
    try:
        from dns import exception, resolver
    except ImportError:
        return found
    ends = time.monotonic() + _DNS_SECONDS
    for name in dict.fromkeys(names):
        left = ends - time.monotonic()
        if left <= 0:
            break
        with contextlib.suppress(exception.DNSException, OSError, UnicodeError):
            try:
                answer = resolver.resolve(f"_dmarc.{name}", "TXT", lifetime=left)
                texts = [b"".join(one.strings).decode("latin-1") for one in answer]
            except (resolver.NXDOMAIN, resolver.NoAnswer):
                texts = []
            records = list(filter(tags_of, texts))
            # Of several none counts (4.7).
            found[name] = records[0] if len(records) == 1 else ""
    return found


@cache
def _public_suffixes():
    try:
        from publicsuffixlist import PublicSuffixList
    except ImportError:
        return None
    return PublicSuffixList()
