"""One form for addresses that mean one mailbox."""

import contextlib


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
