"""What the sandbox knows: domains, routes, mails, posts and events. All in memory."""

import itertools
import secrets
import time
from dataclasses import dataclass, field

from .dns import DnsRecord, records, rotating_keys
from .faults import Faults
from .keys import Key, Keys
from .suppression_lists import SuppressionLists


def new_id() -> str:
    """Return an id as Mailgun makes them: 24 hexadecimal digits."""
    return secrets.token_hex(12)


@dataclass
class Domain:
    """A domain of the account, which exists in one region only.

    :param account: id of the sub-account it belongs to
    :param disabled: why Mailgun has disabled it, whatever its state is
    :param authorized: the only addresses that get its mail, as for a domain to try
        things with; None = everybody
    """

    name: str
    region: str = "us"
    state: str = "active"
    account: str = ""
    id: str = field(default_factory=new_id)
    created_at: float = field(default_factory=time.time)
    settings: dict = field(default_factory=dict)
    dns: list[DnsRecord] = field(default_factory=list)
    # By event type.
    webhooks: dict[str, list[str]] = field(default_factory=dict)
    disabled: str = ""
    authorized: list[str] | None = None
    suppressed: SuppressionLists = field(default_factory=SuppressionLists)

    def __post_init__(self):
        found = True if self.state == "active" else None
        self.dns = self.dns or records(self.name, self.region, found)

    def verify(self) -> None:
        """Let the state follow the records, as Mailgun does when it looks."""
        complete = all(one.valid for one in self.dns if one.is_needed)
        self.state = "active" if complete else "unverified"

    def secure_automatically(self) -> None:
        """Have DKIM keys as CNAME records ("Automatic Sender Security")."""
        others = [one for one in self.dns if not one.is_dkim]
        found = True if self.state == "active" else None
        self.dns = [*others, *rotating_keys(self.name, found)]


@dataclass
class Route:
    """A rule for mail that comes in (user manual, "Routes")."""

    expression: str
    actions: list[str]
    priority: int = 0
    description: str = ""
    region: str = "us"
    account: str = ""
    id: str = field(default_factory=new_id)
    created_at: float = field(default_factory=time.time)


@dataclass
class AccountWebhook:
    """A URL that gets events of all domains of an account in one region."""

    url: str
    event_types: list[str]
    description: str
    region: str
    account: str
    id: str = field(default_factory=new_id)
    created_at: float = field(default_factory=time.time)


@dataclass
class Event:
    """Something that happened, as Mailgun shows and posts it.

    :param data: has id and timestamp, too
    """

    number: int
    mail: int
    domain: str
    at: float
    data: dict


@dataclass
class Mail:
    """A message that the API accepted, or that came in from outside.

    :param sender: as its From says
    :param key: under which the message can be read
    :param is_stored: not deleted yet
    :param failed: recipients who did not get it
    """

    id: int
    domain: str
    message_id: str
    sender: str
    subject: str
    recipients: list[str]
    options: dict[str, list[str]]
    raw: bytes
    accepted_at: float = field(default_factory=time.time)
    envelope_sender: str = ""
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    failed: set[str] = field(default_factory=set)
    is_stored: bool = True

    @property
    def is_test(self) -> bool:
        """Tell whether it was sent in test mode."""
        return self.options.get("o:testmode", ["no"])[0] in ("yes", "true")

    def reached(self) -> list[str]:
        """Return the recipients who got it: nobody in test mode."""
        if self.is_test:
            return []
        return [one for one in self.recipients if one not in self.failed]


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
    received: list[Mail] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    webhooks: list[AccountWebhook] = field(default_factory=list)
    # How mailboxes out there answer, by address; the others take everything.
    mailbox_answers: dict[str, str] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    # Seconds that a message can be read ("up to 3 days", user manual).
    message_ttl: float = 3 * 24 * 3600.0
    # By which ways its record can be read: the account's plan, or a later year.
    record_ways: set[str] = field(default_factory=lambda: {"events", "logs"})
    # Mailgun repeats a refused post for 8 hours ("Receive HTTP").
    retry_schedule: tuple[float, ...] = (600, 900, 1800, 3600, 7200, 14400)
    # The same for events ("Webhook retries").
    event_schedule: tuple[float, ...] = (300, 600, 900, 3600, 7200, 14400)
    time_scale: float = 1.0
    # Where callers reach it, for URLs in events and posts.
    url: str = ""
    # Who has connected, by host and port: one for each connection.
    peers: set[tuple] = field(default_factory=set)
    requests: int = 0
    _numbers: itertools.count = field(default_factory=lambda: itertools.count(1))

    def key(self, secret: str) -> Key | None:
        """Return the key that a caller shows."""
        mine = {
            self.keys.api: Key(self.keys.api, "admin"),
            **{key.secret: key for key in self.keys.more},
        }
        for domain in list(self.domains)[:1]:
            mine[self.keys.sending] = Key(self.keys.sending, "sending", domain)
        return mine.get(secret)

    def next_id(self) -> int:
        """Return a number that was not used before."""
        return next(self._numbers)

    def is_ours(self, address: str) -> bool:
        """Tell whether an address is on a domain of the account."""
        return address.rpartition("@")[2].lower() in self.domains

    def domain_of(self, address: str) -> Domain:
        """Return the domain of an address, one made up when it is not ours."""
        name = address.rpartition("@")[2].lower()
        return self.domains.get(name) or Domain(name)

    def routes_of(self, domain: Domain) -> list[Route]:
        """Return the routes that a domain's mail meets, in their order."""
        place = domain.region, domain.account
        found = [one for one in self.routes if (one.region, one.account) == place]
        return sorted(found, key=lambda route: route.priority)

    def message_url(self, mail: Mail) -> str:
        """Return where a message can be read."""
        domain = self.domains.get(mail.domain)
        region = "/eu" if domain and domain.region == "eu" else ""
        return f"{self.url}{region}/v3/domains/{mail.domain}/messages/{mail.key}"

    def mail(self, number: int) -> Mail | None:
        """Return an accepted message by its number."""
        return next((mail for mail in self.mails if mail.id == number), None)

    def events_of(self, mail: Mail) -> list[Event]:
        """Return what happened to a message."""
        return [event for event in self.events if event.mail == mail.id]

    def mailboxes(self) -> dict[str, list[Mail]]:
        """Return what people out there have got, newest first."""
        boxes: dict[str, list[Mail]] = {}
        for mail in reversed(self.mails):
            for recipient in mail.reached():
                if not self.is_ours(recipient):
                    boxes.setdefault(recipient, []).append(mail)
        return boxes

    def reset(self) -> None:
        """Forget mails, posts and events; what is set up stays."""
        self.mails.clear()
        self.received.clear()
        self.posts.clear()
        self.events.clear()
