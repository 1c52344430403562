"""What an event means for the delivery that it is about; arithmetic without a database.

Events come late, twice and in any order, so nothing here depends on their order: each
kind keeps the earliest time that it happened, and the state is the highest kind that
did. See ``DELIVERY_STATES`` in ``const.py``.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..const import DELIVERY_RANK

# Reasons of a permanent failure that are no answer of the mailbox ("Event structure").
_SUPPRESSED = "suppress-"
_SUPPRESSED_CODES = frozenset({605, 606, 607})
# Somebody on the way did not want the mail, or not from here: nobody looked for a
# mailbox ("Event structure"; names as in mailgun-go's events).
_NOT_THE_MAILBOX = frozenset({"old", "espblock", "greylisted", "blacklisted"})

# What an enhanced status code says (RFC 3463): of these the address is to blame, of
# X.0 and X.5 nothing is known, and all others are about the system, the network, the
# content or a policy.
_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
_DEAD_ADDRESSES = frozenset(
    {(1, number) for number in (0, 1, 2, 3, 4, 6, 10)} | {(2, 1)}
)
_SAYS_NOTHING = (0, 5)

# Words of servers that send no enhanced code.
_POLICY = re.compile(
    r"\b(dmarc|spf|dkim|spam|black-?list\w*|block-?list\w*|block(ed|ing)?|rbl|dnsbl"
    r"|reputation|policy|virus|malware|content|quota|full|too (large|big|many)"
    r"|rate|throttl\w*)\b",
    re.IGNORECASE,
)

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
    :param is_total: it is about all mail, not only about mail with a certain tag
    """

    kind: str
    at: float
    reason: str = ""
    reason_kind: str = ""
    is_total: bool = True


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
    return Happening(
        kind,
        at,
        reason_of(data),
        word_of(data, "reason"),
        kind != "unsubscribed" or _is_total(data.get("tags")),
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
    code = next(iter(_texts(status.get("code"))), "")
    if words and code and code not in words:
        words = f"{code} {words}"
    return " ".join(words.split())[:1000]


def word_of(data: Mapping, key: str) -> str:
    """Return one of Mailgun's own words in lower case; "" when there is none."""
    value = data.get(key)
    return value.strip().lower() if isinstance(value, str) else ""


def is_machine(data: Mapping) -> bool:
    """Tell whether a program opened or clicked, not a person.

    ``client-info.bot`` is "apple", "gmail" or "generic" then ("Webhook payloads").
    """
    client = data.get("client-info")
    return isinstance(client, dict) and bool(client.get("bot"))


def _kind(data: Mapping) -> str | None:
    event = word_of(data, "event")
    if event in ("opened", "clicked") and is_machine(data):
        return MACHINE_OPENED
    if event != "failed":
        return _KINDS.get(event)
    # Anything but a clear "permanent" may still arrive.
    return _failure(data) if word_of(data, "severity") == "permanent" else "deferred"


def _failure(data: Mapping) -> str:
    reason, status = word_of(data, "reason"), data.get("delivery-status")
    status = status if isinstance(status, dict) else {}
    texts = _texts(status.get("code"))
    codes = {int(text) for text in texts if text.isdecimal() and len(text) < 10}
    if reason.startswith(_SUPPRESSED) or codes & _SUPPRESSED_CODES:
        return "suppressed"
    if reason in _NOT_THE_MAILBOX:
        return "failed"
    return "bounced" if _is_dead_mailbox(status, codes) else "failed"


def _is_dead_mailbox(status: Mapping, codes: set[int]) -> bool:
    """Tell whether a refusal is about the address: only then is it a bounce.

    A full mailbox, a policy or a list of bad senders refuses this mail, and the next
    one may be welcome. Where nothing says otherwise the mailbox is to blame, as
    Mailgun's own word "bounce" does.
    """
    words = " ".join(
        text
        for key in ("enhanced-code", "bounce-code", "code", "message", "description")
        for text in _texts(status.get(key))
    )
    if found := _ENHANCED.search(words):
        grade, subject, detail = map(int, found.groups())
        if grade != 5:
            return False
        if subject not in _SAYS_NOTHING:
            return (subject, detail) in _DEAD_ADDRESSES
    if any(400 <= code < 500 for code in codes):
        return False
    return not _POLICY.search(words)


def _is_total(tags: Any) -> bool:
    """Tell whether somebody wants no mail at all, not only none with a tag.

    As on the list of unsubscribes: no tag, or "*" (API reference, "Unsubscribes").
    """
    names = _texts(tags)
    return not names or "*" in names


def _texts(value: Any) -> list[str]:
    """Return a value that comes as number, as text or as a list of them, as texts."""
    found = value if isinstance(value, list) else [value]
    kinds = (str, int, float)
    texts = [
        str(one).strip()
        for one in found
        if isinstance(one, kinds) and not isinstance(one, bool)
    ]
    return [text for text in texts if text and text != "0"]
