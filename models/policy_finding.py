"""Something that speaks against a mail."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PolicyFinding:
    """One doubt about a mail, and what the domain does about it.

    :param policy: of ``INBOUND_POLICIES``
    :param text: for people: what was found
    """

    policy: str
    text: str
