"""Keys and what they may do (user manual, "Role-based access control")."""

from dataclasses import dataclass, field

ROLES = ("admin", "developer", "analyst", "support", "sending")

_SUPPRESSIONS = ("bounces", "complaints", "unsubscribes", "whitelists")
_SENDING = ("messages", "messages.mime")


@dataclass
class Key:
    """A key of the account, or of one domain.

    :param role: one of ROLES
    :param domain: the only one that a "sending" key is for
    """

    secret: str
    role: str
    domain: str = ""

    def __post_init__(self):
        if self.role not in ROLES:
            raise ValueError(f"role is one of {ROLES}")
        if (self.role == "sending") != bool(self.domain):
            raise ValueError("a sending key has a domain, the others have none")

    def allows(self, method: str, subject: str) -> bool:
        """Tell whether the role has the right to a request.

        :param subject: what the URL is about, e.g. "bounces/ADDRESS"
        """
        if self.role in ("admin", "developer"):
            return True
        if self.role == "sending":
            return method == "POST" and subject in _SENDING
        part, reads = subject.split("/")[0], method == "GET"
        if part in _SUPPRESSIONS:
            # An analyst sees the allowlist only.
            return self.role == "support" or (reads and part == "whitelists")
        return reads


@dataclass
class Keys:
    """The keys of the one account.

    :param api: the primary one, which may do everything
    :param sending: may only post messages, for the first domain
    :param signing: signs what is posted to routes and webhooks
    :param more: keys with a role
    """

    api: str = "sandbox-api-key"
    sending: str = "sandbox-sending-key"
    signing: str = "sandbox-signing-key"
    more: list[Key] = field(default_factory=list)

    def signing_of(self, account: str) -> str:
        """Return the signing key of the account or of a sub-account."""
        return f"{self.signing}-{account}" if account else self.signing
