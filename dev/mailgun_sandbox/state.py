"""What the sandbox knows: domains, keys, routes, mails and posts. All in memory."""

import itertools
import time
from dataclasses import dataclass, field


@dataclass
class Keys:
    """The keys of the one account.

    :param api: may do everything
    :param sending: may only post messages
    :param signing: signs what is posted to routes and webhooks
    """

    api: str = "sandbox-api-key"
    sending: str = "sandbox-sending-key"
    signing: str = "sandbox-signing-key"


@dataclass
class Domain:
    """A domain of the account, which exists in one region only."""

    name: str
    region: str = "us"
    state: str = "active"


@dataclass
class Route:
    """A rule for mail that comes in (user manual, "Routes")."""

    expression: str
    actions: list[str]
    priority: int = 0


@dataclass
class Mail:
    """A message that the API accepted."""

    id: int
    domain: str
    message_id: str
    sender: str
    subject: str
    recipients: list[str]
    options: dict[str, list[str]]
    raw: bytes
    accepted_at: float = field(default_factory=time.time)


@dataclass
class Attempt:
    """One try to deliver a post: when, and what came back."""

    at: float
    status: int
    text: str


@dataclass
class Post:
    """What is posted to a route's URL until it is taken or given up."""

    id: int
    url: str
    recipient: str
    shape: str
    content_type: str
    body: bytes
    attempts: list[Attempt] = field(default_factory=list)
    outcome: str = "waiting"
    next_at: float | None = None


@dataclass
class Sandbox:
    """The whole state of a running sandbox."""

    keys: Keys
    domains: dict[str, Domain]
    routes: list[Route] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    # Mailgun repeats a refused post for 8 hours ("Receive HTTP").
    retry_schedule: tuple[float, ...] = (600, 900, 1800, 3600, 7200, 14400)
    time_scale: float = 1.0
    # Who has connected, by host and port: one for each connection.
    peers: set[tuple] = field(default_factory=set)
    requests: int = 0
    _numbers: itertools.count = field(default_factory=lambda: itertools.count(1))

    def next_id(self) -> int:
        """Return a number that was not used before."""
        return next(self._numbers)

    def is_ours(self, address: str) -> bool:
        """Tell whether an address is on a domain of the account."""
        return address.rpartition("@")[2].lower() in self.domains

    def mail(self, number: int) -> Mail | None:
        """Return an accepted message by its number."""
        return next((mail for mail in self.mails if mail.id == number), None)

    def mailboxes(self) -> dict[str, list[Mail]]:
        """Return what people out there have got, newest first."""
        boxes: dict[str, list[Mail]] = {}
        for mail in reversed(self.mails):
            for recipient in mail.recipients:
                if not self.is_ours(recipient):
                    boxes.setdefault(recipient, []).append(mail)
        return boxes

    def reset(self) -> None:
        """Forget mails and posts; domains, keys and routes stay."""
        self.mails.clear()
        self.posts.clear()
