"""What an event means for the delivery that it is about; arithmetic without a database.

Events come late, twice and in any order, so nothing here depends on their order: each
kind keeps the earliest time that it happened, and the state is the highest kind that
did. See ``DELIVERY_STATES`` in ``const.py``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..const import DELIVERY_RANK

# Reasons of a permanent failure that are no answer of the mailbox ("Event structure").
_SUPPRESSED = "suppress-"
_GIVEN_UP = frozenset({"old"})
_SUPPRESSED_CODES = frozenset({605, 606, 607})

_KINDS = {
    "accepted": "accepted",
    "delivered": "delivered",
    "opened": "opened",
    "clicked": "clicked",
    "unsubscribed": "unsubscribed",
    "complained": "complained",
    "rejected": "failed",
}
# A program looked at the mail, and nobody knows whether a person ever did.
MACHINE_OPENED = "machine_opened"


@dataclass(frozen=True)
class Happening:
    """What an event says about a delivery.

    :param kind: a state of the delivery, or ``MACHINE_OPENED``
    :param at: seconds since 1970
    :param reason: why, in the words of the mailbox or of Mailgun
    :param reason_kind: Mailgun's word for it: "bounce", "suppress-bounce" ...
    """

    kind: str
    at: float
    reason: str = ""
    reason_kind: str = ""


@dataclass(frozen=True)
class Fate:
    """What is known of a delivery.

    :param times: by kind, the earliest in seconds since 1970
    :param reason: of the state
    """

    times: Mapping[str, float]
    reason: str = ""
    reason_kind: str = ""

    @property
    def state(self) -> str:
        """Return the highest kind that happened."""
        return max(
            (kind for kind in self.times if kind in DELIVERY_RANK),
            key=DELIVERY_RANK.__getitem__,
            default="sending",
        )

    def after(self, happening: Happening) -> "Fate":
        """Return what is known once one more thing is."""
        before = self.times.get(happening.kind)
        if before is not None and before <= happening.at:
            return self
        changed = Fate(
            {**self.times, happening.kind: happening.at},
            self.reason,
            self.reason_kind,
        )
        if changed.state != happening.kind:
            return changed
        return Fate(changed.times, happening.reason, happening.reason_kind)


def happening_of(data: Mapping, at: float) -> Happening | None:
    """Return what an event means, or None when it means nothing for a delivery.

    :param data: "event-data" of a webhook, or an item of the Events API
    :param at: when it happened, seconds since 1970
    """
    kind = _kind(data)
    if kind is None:
        return None
    reason_kind = data.get("reason")
    return Happening(
        kind,
        at,
        reason_of(data),
        reason_kind if isinstance(reason_kind, str) else "",
    )


def fate_of(happenings: Iterable[Happening]) -> Fate:
    """Return what is known after some happenings, in whatever order they come."""
    fate = Fate({})
    for happening in happenings:
        fate = fate.after(happening)
    return fate


def reason_of(data: Mapping) -> str:
    """Return the words in which a mailbox, or Mailgun, says why."""
    status = data.get("delivery-status")
    status = status if isinstance(status, dict) else {}
    reject = data.get("reject")
    reject = reject if isinstance(reject, dict) else {}
    found = (
        status.get("message"),
        status.get("description"),
        reject.get("reason"),
        reject.get("description"),
    )
    words = next((one for one in found if isinstance(one, str) and one.strip()), "")
    code = status.get("code")
    if words and isinstance(code, int | str) and code and str(code) not in words:
        words = f"{code} {words}"
    return " ".join(words.split())[:1000]


def is_machine(data: Mapping) -> bool:
    """Tell whether a program opened or clicked, not a person.

    ``client-info.bot`` is "apple", "gmail" or "generic" then ("Webhook payloads").
    """
    client = data.get("client-info")
    return isinstance(client, dict) and bool(client.get("bot"))


def _kind(data: Mapping) -> str | None:
    event = data.get("event")
    if event in ("opened", "clicked") and is_machine(data):
        return MACHINE_OPENED
    if event != "failed":
        return _KINDS.get(event) if isinstance(event, str) else None
    # Anything but a clear "permanent" may still arrive.
    return _failure(data) if data.get("severity") == "permanent" else "deferred"


def _failure(data: Mapping) -> str:
    reason = str(data.get("reason") or "")
    status = data.get("delivery-status")
    code = status.get("code") if isinstance(status, dict) else None
    if reason.startswith(_SUPPRESSED) or code in _SUPPRESSED_CODES:
        return "suppressed"
    return "failed" if reason in _GIVEN_UP else "bounced"
