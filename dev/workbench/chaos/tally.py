"""What became of mails to the outside: what Odoo says, and what has arrived."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..demo.demo_stage import Stage
from .outbox import Outbox

_STATES = "SELECT state, count(*) FROM mail_mail WHERE id = ANY(%s) GROUP BY state"
_NOTIFICATIONS = """
SELECT notification_status, count(*) FROM mail_notification
WHERE mail_mail_id = ANY(%s) GROUP BY notification_status"""
_SENT = {"sent", "pending"}


@dataclass
class Tally:
    """What was found.

    :param written: how many mails there were
    :param states: of the mails
    :param notifications: of messages, by their status
    :param lost: recipients who got nothing
    :param doubled: recipients who got more than one mail
    """

    written: int
    states: dict[str, int]
    notifications: dict[str, int]
    lost: list[str]
    doubled: list[str]

    @property
    def is_good(self) -> bool:
        """Tell whether everybody got one mail, and Odoo knows it."""
        unsent = (self.states.keys() | self.notifications.keys()) - _SENT
        gone = self.written - sum(self.states.values())
        return not (unsent or gone or self.lost or self.doubled)

    def figures(self) -> dict[str, str]:
        """Return it for people."""
        return {
            "mails": f"{self.written}: {_words(self.states)}",
            "notifications": _words(self.notifications),
            "lost": str(len(self.lost)),
            "doubled": str(len(self.doubled)),
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
    )


def done(stage: Stage, outbox: Outbox) -> int:
    """Return how many mails are sent, or have failed."""
    states = dict(stage.rows(_STATES, outbox.mails))
    return sum(count for state, count in states.items() if state != "outgoing")


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
