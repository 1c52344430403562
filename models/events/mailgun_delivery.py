import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import email_normalize, plaintext2html

from ...const import COUNTED, DELIVERY_RETENTION_DAYS, PENDING_DAYS
from ...tools.delivery_state import Fate, Happening
from ..outgoing import mailing_traces
from ..outgoing.mailgun_delivery import TIMES
from ..transactions.retention import keep_since, remove_before


@dataclass
class Change:
    """What is new about a delivery.

    :param before: what was known
    :param after: what is known now
    """

    before: Fate
    after: Fate
    counts: dict[str, int] = field(default_factory=dict)
    #: Kinds that are about all mail to the address.
    total: set[str] = field(default_factory=set)

    def add(self, happening: Happening, by_machine: bool) -> None:
        """Take one more thing over that happened."""
        self.after = self.after.after(happening)
        if happening.is_total:
            self.total.add(happening.kind)
        counter = _COUNTERS.get(happening.kind)
        if counter and not by_machine:
            self.counts[counter] = self.counts.get(counter, 0) + 1

    def is_new(self, kind: str) -> bool:
        """Tell whether something has happened that was not known before."""
        return kind in self.after.times and kind not in self.before.times


_BATCH = 10_000

_COUNTERS = {"opened": "open_count", "clicked": "click_count"}


class MailgunDelivery(models.Model):
    """Takes over what events tell, and passes it on to what depends on it."""

    _inherit = "mailgun.delivery"

    # === WHICH ONE IS IT === #

    @api.model
    def _find_for_events(self, events):
        """Return the deliveries that each event is about, by the event's id.

        An event finds its mail by our own mark on it, else by Message-Id, ours or the
        one that Mailgun gave, and of the mail's copies the one to its recipient: of
        several attempts the last before it happened. One that names no recipient
        ("rejected") is about all copies.
        """
        by_reference, by_message = defaultdict(list), defaultdict(list)
        for row in self._candidates(events):
            by_reference[row.reference].append(row)
            for message_id in {row.message_id, row.mailgun_id}:
                by_message[message_id].append(row)
        found = {}
        for event in events:
            marked = by_reference.get(event._reference())
            copies = marked or by_message.get(event.message_id) or ()
            # The key of one domain says nothing about mail of another.
            copies = [row for row in copies if row.domain_id == event.domain_id]
            if meant := _meant_by(event, copies):
                found[event.id] = meant
        return found

    def _candidates(self, events):
        """Return the deliveries that events may be about, few even of a big mail."""
        references, message_ids = events._names_of_mail()
        mails = (
            Domain("reference", "in", references)
            | Domain("message_id", "in", message_ids)
            | Domain("mailgun_id", "in", message_ids)
        )
        recipients = {event._normalized_recipient() for event in events}
        if "" not in recipients:
            mails &= Domain("recipient", "in", list(recipients))
        return self.search(mails)

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
        self._blacklist(changes)
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

    # === NOTIFICATIONS AND MAILINGS === #

    @api.model
    def _tell_records(self, changes):
        """Let notifications and mailing statistics say what deliveries say now.

        :param dict changes: a ``Change`` by delivery
        """
        concerned = self.browse().concat(
            *(
                delivery
                for delivery, change in changes.items()
                if (change.after.state, change.after.reason)
                != (change.before.state, change.before.reason)
            )
        )
        if concerned:
            concerned._tell_notifications()
        traced = {
            delivery.mail_id: delivery for delivery in changes if delivery.mail_id
        }
        traces = mailing_traces.traces_of(self.env, traced) or ()
        for trace in traces:
            delivery = traced[trace.mail_mail_id_int]
            times = {kind: delivery[name] for kind, name in TIMES.items()}
            mailing_traces.follow(trace, delivery.state, delivery.reason, True, times)

    def _tell_notifications(self):
        notifications = self._notifications_in(self.mail_message_id)
        if not notifications:
            return
        copies = self._copies_around()
        # Core has marked the bounced ones (_count_bounces) and told no browser.
        bounced = {row._whose() for row in self if row.state == "bounced"}
        changed = notifications.filtered(lambda one: one._mailgun_whose() in bounced)
        for one in notifications:
            changed |= one._mailgun_follow(copies.get(one._mailgun_whose(), ()), True)
        for message, some in changed.grouped("mail_message_id").items():
            some._mailgun_push(message)

    def _notifications_in(self, messages):
        """Return the notifications in messages that these deliveries belong to."""
        whose = [row._whose() for row in self]
        contacts = {contact for _message, contact, _address in whose} - {0}
        addresses = {address for _message, _contact, address in whose} - {""}
        return self.env["mail.notification"].search(
            Domain("mail_message_id", "in", messages.ids)
            & Domain("notification_type", "=", "email")
            & (
                Domain("res_partner_id", "in", list(contacts))
                | Domain("res_partner_id", "=", False)
                & Domain("mail_email_address", "in", list(addresses))
            )
        )

    def _whose(self):
        """Return the message's id, and contact (or 0) or address of who is notified."""
        contact = max(self.partner_ref, 0)
        return self.message_ref, contact, "" if contact else self.recipient

    def _copies_around(self):
        """Return what is known of the copies for whoever got these.

        Of each copy the last attempt; of other recipients nothing, a message may have
        thousands.

        :return: contact, address, state, reason and its kind of each, by whose
        """
        contacts = {row.partner_ref for row in self if row.partner_ref > 0}
        rows = self.search(
            Domain("message_id", "in", list(set(self.mapped("message_id"))))
            & (
                Domain("partner_ref", "in", list(contacts))
                | Domain("recipient", "in", self.mapped("recipient"))
            ),
            order="id",
        )
        last = {(row._whose(), row.recipient, row.partner_ref): row for row in rows}
        copies = defaultdict(list)
        for row in last.values():
            copies[row._whose()].append(
                (row.partner_ref, row.recipient, row.state, row.reason, row.reason_kind)
            )
        return copies

    # === BOUNCES === #

    @api.model
    def _count_bounces(self, changes):
        """Count a dead address once, whoever tells of it first.

        :param dict changes: a ``Change`` by delivery
        """
        for delivery, change in changes.items():
            if change.is_new("bounced") and not delivery.bounce_counted:
                delivery.bounce_counted = True
                delivery._count_bounce()

    def _count_bounce(self):
        self._report_bounce(self.recipient, self.domain_id, self.reason)

    def _report_bounce(self, address, domain, reason):
        """Do what core does when a mail comes back (mail_thread.py).

        :param str address: that is dead
        :param domain: the ``mailgun.domain`` that it was found out by
        :param str reason: in the words of the mailbox
        """
        email = email_normalize(address)
        partners = self.env["res.partner"].search([("email_normalized", "=", email)])
        message = self.mail_message_id or self.env["mail.message"]
        thread = self.env["mail.thread"].with_context(**{COUNTED: True})
        thread._routing_handle_bounce(
            None,
            {
                "bounced_email": email,
                "bounced_partner": partners,
                # Of no delivery when we only know that the address is dead.
                "bounced_msg_ids": self.mapped("message_id"),
                "bounced_message": message,
                "email_from": "Mailgun",
                "to": domain.name,
                "message_id": self.mailgun_id or self.message_id,
                "body": plaintext2html(reason or ""),
            },
        )

    @api.model
    def _claim_bounce(self, message_ids, email):
        """Tell whether a mail that came back is news; it is none the second time.

        :param list[str] message_ids: of the mail that came back
        :param str email: that it had gone to
        """
        rows = self.search(
            [("message_id", "in", message_ids or []), ("recipient", "=", email)]
        )
        if not rows:
            return True
        new = rows.filtered(lambda row: not row.bounce_counted)
        new.write({"bounce_counted": True})
        for row in new:
            change = row._open_change()
            reason, kind = row.reason or "", row.reason_kind or ""
            change.add(Happening("bounced", time.time(), reason, kind), False)
            row._write_change(change)
        # Whoever complained has got the mail, whatever a report says of it.
        return any(row.state == "bounced" for row in new)

    # === WHO WANTS NO NEWSLETTERS === #

    @api.model
    def _blacklist(self, changes):
        """Put who unsubscribed or complained on Odoo's list for newsletters.

        :param dict changes: a ``Change`` by delivery
        """
        for delivery, change in changes.items():
            domain = delivery.domain_id
            for kind, wanted, text in (
                (
                    "unsubscribed",
                    domain.blacklist_unsubscribed,
                    self.env._("Unsubscribed by Mailgun's link in a mail."),
                ),
                (
                    "complained",
                    domain.blacklist_complained,
                    self.env._("Reported one of our mails as spam."),
                ),
            ):
                if wanted and kind in change.total:
                    blacklist = self.env["mail.blacklist"].sudo()
                    blacklist._add(delivery.recipient, message=text)

    # === RETENTION === #

    @api.autovacuum
    def _gc_pending_traces(self):
        """Count mail of mailings as received that has been on its way for so long."""
        before = fields.Datetime.now() - timedelta(days=PENDING_DAYS)
        count = mailing_traces.end_waiting(self.env, before, _BATCH)
        return count, count == _BATCH

    @api.autovacuum
    def _gc_deliveries(self):
        """Forget deliveries after their time."""
        since = keep_since(self.env, "keep_deliveries_days", DELIVERY_RETENTION_DAYS)
        return remove_before(self, "sending_at", since)


def _meant_by(event, copies):
    """Return those of a mail's copies that an event is about."""
    recipient = event._normalized_recipient()
    by_copy = defaultdict(list)
    for row in copies:
        if recipient in ("", row.recipient):
            by_copy[row.partner_ref if not recipient else 0, row.recipient].append(row)
    return [_last_before(rows, event.occurred_at) for rows in by_copy.values()]


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
