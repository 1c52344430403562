from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timezone

from odoo import api, models
from odoo.fields import Domain

from ..tools.delivery_state import Fate, Happening
from .mailgun_delivery import TIMES


@dataclass
class Change:
    """What is new about a delivery.

    :param before: what was known
    :param after: what is known now
    """

    before: Fate
    after: Fate
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, happening: Happening, by_machine: bool) -> None:
        """Take one more thing over that happened."""
        self.after = self.after.after(happening)
        counter = _COUNTERS.get(happening.kind)
        if counter and not by_machine:
            self.counts[counter] = self.counts.get(counter, 0) + 1

    def is_new(self, kind: str) -> bool:
        """Tell whether something has happened that was not known before."""
        return kind in self.after.times and kind not in self.before.times


_COUNTERS = {"opened": "open_count", "clicked": "click_count"}


class MailgunDelivery(models.Model):
    """Takes over what events tell, and passes it on to what depends on it."""

    _inherit = "mailgun.delivery"

    # === WHICH ONE IS IT === #

    @api.model
    def _find_for_events(self, events):
        """Return the delivery that each event is about, by the event's id.

        An event finds it by our own mark on the mail, else by Message-Id, ours or the
        one that Mailgun gave, and recipient: the last attempt before it happened.
        """
        references = {event._reference() for event in events} - {""}
        message_ids = {event.message_id for event in events} - {False}
        rows = self.search(
            Domain("reference", "in", list(references))
            | Domain("message_id", "in", list(message_ids))
            | Domain("mailgun_id", "in", list(message_ids))
        )
        by_reference, by_message = defaultdict(list), defaultdict(list)
        for row in rows:
            by_reference[row.reference].append(row)
            for message_id in {row.message_id, row.mailgun_id}:
                by_message[message_id, row.recipient].append(row)
        found = {}
        for event in events:
            recipient = event._normalized_recipient()
            marked = by_reference.get(event._reference(), [])
            if len(marked) > 1:
                marked = [row for row in marked if row.recipient == recipient]
            rows = marked or by_message.get((event.message_id, recipient), [])
            if rows:
                found[event.id] = _last_before(rows, event.occurred_at)
        return found

    # === WHAT IS NEW === #

    def _fate(self):
        times = {kind: _epoch(self[name]) for kind, name in TIMES.items() if self[name]}
        return Fate(times, self.reason or "", self.reason_kind or "")

    def _open_change(self):
        fate = self._fate()
        return Change(fate, fate)

    @api.model
    def _take_changes(self, changes):
        """Write down what is new, here and wherever somebody waits for it.

        :param dict changes: a ``Change`` by delivery
        """
        for delivery, change in changes.items():
            delivery._write_change(change)
        changed = {
            delivery: change
            for delivery, change in changes.items()
            if change.after.times != change.before.times
        }
        self.browse().concat(*changed)._wake_waiting_mails(changed)
        self._count_bounces(changed)
        self._blacklist(changed)
        self._tell_records(changed)

    def _write_change(self, change):
        values = {
            TIMES[kind]: _moment(at)
            for kind, at in change.after.times.items()
            if change.before.times.get(kind) != at
        }
        if change.after.state != self.state:
            values["state"] = change.after.state
            values["doubt"] = False
        if change.after.reason != (self.reason or ""):
            values["reason"] = change.after.reason or False
        if change.after.reason_kind != (self.reason_kind or ""):
            values["reason_kind"] = change.after.reason_kind or False
        for name, count in change.counts.items():
            values[name] = self[name] + count
        if values:
            self.write(values)

    def _wake_waiting_mails(self, changes):
        """Let mails go on that waited to know whether Mailgun has taken them."""
        settled = [
            delivery.mail_id
            for delivery in self
            if changes[delivery].before.state == "sending" and delivery.mail_id
        ]
        if settled:
            self.env["mail.mail"].browse(settled).exists()._mailgun_confirmed()


def _last_before(rows, moment):
    """Return the last attempt that began before an event, or the first of all."""
    begun = [row for row in rows if row.sending_at <= moment]
    return max(begun, key=_age) if begun else min(rows, key=_age)


def _age(row):
    return row.attempt, row.sending_at, row.id


def _epoch(moment):
    return moment.replace(tzinfo=timezone.utc).timestamp()


def _moment(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).replace(
        tzinfo=None, microsecond=0
    )
