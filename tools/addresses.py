"""One form for addresses that mean one mailbox, and for names of domains."""

import re

import idna

# A name in DNS, as IDNA writes it (RFC 1035, 2.3.1 and 2.3.4).
DOMAIN_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")
_MAX_DOMAIN_NAME = 253

MAX_ADDRESS = 320  # 64 + @ + 255, RFC 5321 4.5.3.1


def in_dns(name: str) -> str:
    """Return a domain name in lower case as it stands in DNS (IDNA 2008, UTS 46).

    :return: the name itself where it can be none
    """
    if name.isascii() or len(name) > _MAX_DOMAIN_NAME:
        return name
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError:
        return name


def normalize(address: str) -> str:
    """Return an address in lower case with its domain as it stands in DNS (IDNA).

    The part before the "@" could in theory tell capitals apart (RFC 5321, 2.4);
    nobody's mailbox does, and Mailgun's events come in lower case.

    :param address: without a display name
    """
    local, at, domain = address.strip().strip("<>").lower().rpartition("@")
    return f"{local}{at}{in_dns(domain)}"


def as_written(address: str) -> str:
    """Return an address for an envelope: as it was written, its domain as in DNS.

    :param address: without a display name
    """
    local, at, domain = address.strip().strip("<>").rpartition("@")
    return f"{local}{at}{in_dns(domain.lower())}"


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
    name = in_dns(name)
    return name if DOMAIN_NAME.fullmatch(name) else ""
