"""What asking for missed mail has brought, in words."""

from dataclasses import dataclass, field
from datetime import datetime, timezone

from odoo.tools import format_datetime


@dataclass
class RecoveryReport:
    """Counts mails, of which Mailgun's events may tell several times.

    :param cursor: up to when the events are complete, seconds since 1970
    :param blind: since when and until when Mailgun's record tells nothing, or None
    """

    cursor: float = 0.0
    blind: tuple[float, float] | None = None
    _seen: set = field(default_factory=set)
    _recovered: set = field(default_factory=set)
    _lost: set = field(default_factory=set)

    def see(self, mail):
        """Count a ``StoredMail`` that Mailgun tells of."""
        self._seen.add(_name(mail))

    def recover(self, mail):
        """Count a mail that the journal has only now."""
        self._recovered.add(_name(mail))

    def lose(self, mail):
        """Count a mail that is neither here nor kept at Mailgun."""
        self._lost.add(_name(mail))

    @property
    def recovered(self):
        """How many mails the journal has only now."""
        return len(self._recovered)

    @property
    def lost(self):
        """How many mails are neither here nor to be had."""
        return len(self._lost - self._recovered)

    @property
    def is_complete(self):
        """Whether nothing is missing."""
        return not self.lost and not self.blind

    def describe(self, env):
        """Say it in words, for the person who asked."""
        return " ".join(filter(None, [self._found(env), self._not_found(env)]))

    def _found(self, env):
        if not self._seen:
            return env._("Mailgun tells of no mail that came in meanwhile.")
        return env._(
            "Mailgun tells of %(seen)s mails; %(recovered)s of them were missing here "
            "and are in the journal now.",
            seen=len(self._seen),
            recovered=self.recovered,
        )

    def _not_found(self, env):
        texts = []
        if self.lost:
            texts.append(
                env._(
                    "%s mails are missing and no longer kept by Mailgun: ask their "
                    "senders again. Who they are is in Mailgun's log of these days.",
                    self.lost,
                )
            )
        if self.blind:
            since, until = (_moment(env, seconds) for seconds in self.blind)
            texts.append(
                env._(
                    "Mailgun's record does not reach back far enough (it depends on "
                    "the plan): what came in from %(since)s to %(until)s cannot be "
                    "told.",
                    since=since,
                    until=until,
                )
            )
        return " ".join(texts)


def _name(mail):
    return mail.message_id or mail.key


def _moment(env, seconds):
    moment = datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)
    return format_datetime(env, moment)
