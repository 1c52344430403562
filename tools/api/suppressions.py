"""Addresses that Mailgun delivers nothing to (API reference, "Suppressions").

Each domain has three lists, which Mailgun fills by itself. Whoever is on one of them
gets no mail at all from that domain, invoices included.

A list comes in the order of the addresses, and nobody can ask for what is new in it
(manual: "returned in the alphabetical order"). So it is read from one end to the other,
and :class:`Reading` tells what of it is new.
"""

import email.utils
import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from ..addresses import normalize
from ..errors import NotThere
from .answers import needed
from .client import MailgunClient, path
from .record import next_page

BOUNCES, COMPLAINTS, UNSUBSCRIBES = LISTS = ("bounces", "complaints", "unsubscribes")

_PAGE = 1000
MAX_BATCH = 1000

# Seconds by which Mailgun's clock and ours may differ, plus those until a new entry
# shows up in its list.
_OVERLAP = 600


@dataclass(frozen=True)
class Suppression:
    """An address on a list.

    :param address: normalized
    :param created_at: seconds since 1970, 0 when the list does not say
    :param reason: why, in the words of the mailbox; bounces only
    :param tags: what was unsubscribed from, "*" = everything; unsubscribes only
    """

    address: str
    created_at: float
    reason: str = ""
    tags: tuple[str, ...] = ()

    @property
    def is_total(self) -> bool:
        """Whether all mail is meant, not only that with a certain tag."""
        return not self.tags or "*" in self.tags

    @property
    def mark(self) -> str:
        """What tells this entry from a later one of the same address, no address."""
        text = f"{self.created_at:.0f}/{self.address}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Page:
    """A part of a list; ``next`` is the address of the one that follows, or ""."""

    items: tuple[Suppression, ...]
    next: str = ""


class SuppressionLists:
    """Reads and changes the lists of a domain.

    Every method raises :class:`~.errors.ApiError`.

    :param client: with an API key; a sending key may do nothing of this
    :param domain: its name at Mailgun
    """

    def __init__(self, client: MailgunClient, domain: str):
        self._client = client
        self._domain = domain

    def page(self, name: str, address: str = "") -> Page:
        """Return the first page of a list, or the one at ``address``.

        :param name: of ``LISTS``
        :param address: that an earlier page gave as ``next``
        """
        first = path("/v3/{}/{}", self._domain, name)
        options = {} if address else {"params": {"limit": _PAGE}}
        body = self._client.call("GET", address or first, self._domain, **options)
        items = needed(body, "items", list)
        if not items:
            # There is always a next page; an empty one is the last.
            return Page(())
        found = tuple(filter(None, map(_suppression, items)))
        following = next_page(body)
        return Page(found, "" if following == address else following)

    def find(self, name: str, address: str) -> Suppression | None:
        """Return the entry of an address, or None when it is not on the list."""
        try:
            body = self._client.call("GET", self._entry(name, address), self._domain)
        except NotThere:
            return None
        needed(body, "address", str)
        return _suppression(body)

    def remove(self, name: str, address: str) -> bool:
        """Take one address off a list; tell whether it was on it."""
        try:
            self._client.call("DELETE", self._entry(name, address), self._domain)
        except NotThere:
            return False
        return True

    def unsubscribe(self, addresses: Iterable[str]) -> None:
        """Put addresses on the list of unsubscribes: they get no mail at all.

        :param addresses: at the most ``MAX_BATCH``
        """
        self._client.call(
            "POST",
            path("/v3/{}/{}", self._domain, UNSUBSCRIBES),
            self._domain,
            json=[{"address": address, "tags": ["*"]} for address in addresses],
        )

    def _entry(self, name, address):
        # Without an address the same call would empty the whole list.
        if "@" not in address:
            raise ValueError(f"{address!r} is no address")
        return path("/v3/{}/{}/{}", self._domain, name, address)


@dataclass(frozen=True)
class Reading:
    """How far a list was read, and what of it is known.

    :param since: when the last complete reading began, seconds since 1970; 0 = never
    :param began: when the one that is under way began, or 0
    :param next: the page where it goes on, "" = the first
    :param known: marks of the entries around ``since``, which were dealt with
    :param found: the same of the reading under way, for the next one
    :param left: entries that are still to be dealt with
    :param noted: it was read once since all known addresses are noted, new or not
    """

    since: float = 0.0
    began: float = 0.0
    next: str = ""
    known: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    left: tuple[Suppression, ...] = ()
    noted: bool = False

    @classmethod
    def load(cls, stored: dict | None) -> "Reading":
        """Return what :meth:`store` has made of one; a new one from None."""
        values = dict(stored or {})
        left = tuple(
            Suppression(**{**one, "tags": tuple(one["tags"])})
            for one in values.pop("left", ())
        )
        marks = {name: tuple(values.pop(name, ())) for name in ("known", "found")}
        return cls(**values, **marks, left=left)

    def store(self) -> dict:
        """Return it as JSON."""
        return asdict(self)

    def begin(self, now: float) -> "Reading":
        """Return the reading under way, a new one if there is none."""
        return self if self.began else replace(self, began=now)

    def new_in(self, page: Page) -> list[Suppression]:
        """Return the entries of a page that nobody has dealt with."""
        known, first = set(self.known), self.since - _OVERLAP
        return [
            entry
            for entry in page.items
            if not self.since or (entry.created_at >= first and entry.mark not in known)
        ]

    def after(self, page: Page, new: Iterable[Suppression]) -> "Reading":
        """Return how far the list is read after a page.

        :param new: the new entries that are to be dealt with
        """
        new, late = tuple(new), self.began - _OVERLAP
        # Of the others nobody will ask whether they were dealt with.
        marks = {*self.known, *(entry.mark for entry in new)}
        recent = [entry.mark for entry in page.items if entry.created_at >= late]
        found = (*self.found, *(mark for mark in recent if mark in marks))
        left = (*self.left, *new)
        if page.next:
            return replace(self, next=page.next, found=found, left=left)
        return Reading(since=self.began, known=found, left=left, noted=True)

    def without(self, count: int, busy: Iterable[Suppression] = ()) -> "Reading":
        """Return what is left when the first entries were dealt with.

        :param count: how many
        :param busy: those of them that have to wait
        """
        return replace(self, left=(*self.left[count:], *busy))

    def afresh(self) -> "Reading":
        """Return one that begins at the first page again."""
        return replace(self, began=0.0, next="", found=())

    def forgetful(self) -> "Reading":
        """Return one to which every entry is new."""
        return Reading(left=self.left)


def _suppression(given) -> Suppression | None:
    address = given.get("address") if isinstance(given, dict) else None
    if not isinstance(address, str) or "@" not in address:
        return None
    words = (given.get("code"), given.get("error"))
    tags = given.get("tags") or given.get("tag") or ()
    tags = [tags] if isinstance(tags, str) else tags
    return Suppression(
        address=normalize(address),
        created_at=_seconds(given.get("created_at")),
        reason=" ".join(str(word).strip() for word in words if word)[:1000],
        tags=tuple(tag for tag in tags if isinstance(tag, str)),
    )


def _seconds(date) -> float:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return 0.0
