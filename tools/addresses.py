"""One form for addresses that mean one mailbox, and for names of domains."""

import contextlib
import re

# A name in DNS, as IDNA writes it (RFC 1035, 2.3.1 and 2.3.4).
DOMAIN_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")
_MAX_DOMAIN_NAME = 253

MAX_ADDRESS = 320  # 64 + @ + 255, RFC 5321 4.5.3.1


def normalize(address: str) -> str:
    """Return an address in lower case with its domain as it stands in DNS (IDNA).

    The part before the "@" could in theory tell capitals apart (RFC 5321, 2.4);
    nobody's mailbox does, and Mailgun's events come in lower case.

    :param address: without a display name
    """
    local, at, domain = address.strip().strip("<>").lower().rpartition("@")
    with contextlib.suppress(UnicodeError):
        domain = domain.encode("idna").decode("ascii")
    return f"{local}{at}{domain}"


def domain_of(address: str) -> str:
    """Return what stands behind the "@", or ""."""
    return address.rpartition("@")[2] if "@" in address else ""


def domain_name(address: str) -> str:
    """Return the name of the domain that somebody means, as it stands in DNS, or "".

    :param address: or the name itself; comes from anywhere and may be anything
    """
    name = address.rpartition("@")[2].strip("> ").lower()
    if len(name) > _MAX_DOMAIN_NAME:
        return ""
    with contextlib.suppress(UnicodeError):
        name = name.encode("idna").decode("ascii")
    return name if DOMAIN_NAME.fullmatch(name) else ""
