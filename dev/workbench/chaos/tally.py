"""What became of mails to the outside: what Odoo says, and what has arrived."""

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from ..demo.demo_stage import Stage
from .outbox import Outbox

_STATES = "SELECT state, count(*) FROM mail_mail WHERE id = ANY(%s) GROUP BY state"
_NOTIFICATIONS = """
SELECT notification_status, count(*) FROM mail_notification
WHERE mail_mail_id = ANY(%s) GROUP BY notification_status"""
_SENT = {"sent", "pending"}
# Each mail, notification and copy with its state and the addresses that it speaks of.
_SAID = """
SELECT 'mail', mail.state, string_to_array(mail.email_to, ', ')
    || ARRAY(SELECT partner.email FROM mail_mail_res_partner_rel AS recipient
             JOIN res_partner AS partner ON partner.id = recipient.res_partner_id
             WHERE recipient.mail_mail_id = mail.id)
FROM mail_mail AS mail WHERE mail.id = ANY(%s)
UNION ALL
SELECT 'notification', notification.notification_status, ARRAY[partner.email]
FROM mail_notification AS notification
JOIN res_partner AS partner ON partner.id = notification.res_partner_id
WHERE notification.mail_mail_id = ANY(%s)
UNION ALL
SELECT 'delivery', delivery.state, ARRAY[delivery.recipient]
FROM mailgun_delivery AS delivery WHERE delivery.mail_id = ANY(%s)"""
# What says that it left; "sending" and "outgoing" say nothing and are not at the end.
_LEFT = {"sent", "pending", "accepted", "deferred", "delivered", "opened", "clicked"}


@dataclass
class Tally:
    """What was found.

    :param written: how many mails there were
    :param states: of the mails
    :param notifications: of messages, by their status
    :param lost: recipients who got nothing
    :param doubled: recipients who got more than one mail
    :param untrue: what says that it left and did not, or the other way round
    """

    written: int
    states: dict[str, int]
    notifications: dict[str, int]
    lost: list[str]
    doubled: list[str]
    untrue: list[str]

    @property
    def is_good(self) -> bool:
        """Tell whether everybody got one mail, and Odoo knows it."""
        unsent = (self.states.keys() | self.notifications.keys()) - _SENT
        gone = self.written - sum(self.states.values())
        return not (unsent or gone or self.lost or self.doubled or self.untrue)

    def figures(self) -> dict[str, str]:
        """Return it for people."""
        return {
            "mails": f"{self.written}: {_words(self.states)}",
            "notifications": _words(self.notifications),
            "lost": str(len(self.lost)),
            "doubled": str(len(self.doubled)),
            "untrue": str(len(self.untrue)),
        }


def take(stage: Stage, outbox: Outbox, taken: Sequence[str]) -> Tally:
    """Hold what Odoo says against what has arrived.

    :param taken: recipients of all mails that arrived
    """
    arrived = Counter(taken)
    return Tally(
        len(outbox.mails),
        dict(stage.rows(_STATES, outbox.mails)),
        dict(stage.rows(_NOTIFICATIONS, outbox.mails)),
        [one for one in outbox.recipients if not arrived[one]],
        [one for one in outbox.recipients if arrived[one] > 1],
        untrue(stage.rows(_SAID, *[outbox.mails] * 3), arrived.keys()),
    )


def untrue(
    said: Iterable[tuple[str, str, Sequence[str]]], arrived: Set[str]
) -> list[str]:
    """Return what contradicts what the other side knows, in words.

    :param said: kind of record, its state, and the addresses that it speaks of
    :param arrived: the addresses that got something
    """
    return [
        f"{kind} {state}: {', '.join(addresses)}"
        for kind, state, addresses in said
        if any((state in _LEFT) != (one in arrived) for one in addresses)
    ]


def done(stage: Stage, outbox: Outbox) -> int:
    """Return how many mails are sent, or have failed."""
    states = dict(stage.rows(_STATES, outbox.mails))
    return sum(count for state, count in states.items() if state != "outgoing")


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
