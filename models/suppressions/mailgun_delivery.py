from collections import defaultdict
from datetime import datetime, timezone

from odoo import api, models
from odoo.tools import format_date

from ...const import ARRIVED_STATES
from ...tools.api.suppressions import (
    BOUNCES,
    COMPLAINTS,
    UNSUBSCRIBES,
    Suppression,
)
from ...tools.delivery_state import Happening
from ..transactions.locks import SENT_MESSAGE, try_lock_many

# Mailgun's words in an event for an address that is on a list ("Event structure").
_LIST_OF = {
    "suppress-bounce": BOUNCES,
    "suppress-complaint": COMPLAINTS,
    "suppress-unsubscribe": UNSUBSCRIBES,
}
_KIND = "suppress-bounce"

# Mailgun has taken the mail, and nothing says yet whether it arrived.
_UNDER_WAY = ("accepted", "deferred")


class MailgunDelivery(models.Model):
    """Addresses that Mailgun has stopped delivering to, as its list of bounces says."""

    _inherit = "mailgun.delivery"

    @api.model
    def _take_changes(self, changes):
        """Note as well who is on a list: an event says so before the list does."""
        result = super()._take_changes(changes)
        found = defaultdict(list)
        for delivery, change in changes.items():
            name = _LIST_OF.get(change.after.reason_kind)
            if name and change.is_new("suppressed"):
                entry = Suppression(delivery.recipient, 0)
                found[delivery.domain_id, name].append(entry)
        for (domain, name), entries in found.items():
            self.env["mailgun.suppression"]._note(domain, name, entries)
        return result

    def action_lift_suppression(self):
        """Ask Mailgun whether it still delivers to the address, and offer to lift that.

        :raise AccessError: the user is no administrator
        """
        self.ensure_one()
        wizards = self.env["mailgun.lift.suppression"]
        return wizards._open_for(self.domain_id, self.recipient)

    @api.model
    def _suppress(self, domain, entries):
        """Show that nothing arrives at an address now, on mail that is still under way.

        What has arrived, or has come back, is told already, and stays as it is.

        :param domain: the ``mailgun.domain`` whose list it is
        :param entries: ``Suppression`` of addresses that Odoo knows
        :return: those that have to wait, because somebody is sending that message
        """
        by_address = {entry.address: entry for entry in entries}
        last = self._last_to(domain, by_address)
        messages = {row.message_id for row in last.values()}
        free = try_lock_many(self.env.cr, SENT_MESSAGE, messages) if messages else ()
        busy = [
            by_address.pop(address)
            for address, row in last.items()
            if row.message_id not in free
        ]
        self._take_changes(
            {
                row: row._suppression_change(by_address[address])
                for address, row in last.items()
                if address in by_address and row.state in _UNDER_WAY
            }
        )
        self._count_dead(domain, by_address, last)
        return busy

    @api.model
    def _last_to(self, domain, addresses):
        """Return the last delivery to each address, by the address.

        What is still being handed over is none: nobody knows yet what becomes of it.
        """
        self.env.cr.execute(
            """SELECT DISTINCT ON (recipient) id FROM mailgun_delivery
                WHERE domain_id = %s AND recipient = ANY(%s) AND state != 'sending'
                ORDER BY recipient, sending_at DESC, id DESC""",
            [domain.id, list(addresses)],
        )
        rows = self.browse(row_id for (row_id,) in self.env.cr.fetchall())
        return {row.recipient: row for row in rows}

    def _suppression_change(self, entry):
        change, sent = self._open_change(), self.sending_at.replace(tzinfo=timezone.utc)
        # The address may be on the list for longer than the delivery is old.
        at = max(entry.created_at, sent.timestamp())
        words = self._suppression_reason(entry)
        change.add(Happening("suppressed", at, words, _KIND), False)
        return change

    def _suppression_reason(self, entry):
        since = datetime.fromtimestamp(entry.created_at, timezone.utc).date()
        return self.env._(
            "Mailgun delivers nothing to %(address)s from %(domain)s any more, since "
            "%(since)s: %(why)s. When the mailbox works again, press Lift Suppression "
            "on this delivery, then Retry on the mail.",
            address=entry.address,
            domain=self.domain_id.name,
            since=format_date(self.env, since) if entry.created_at else "?",
            why=entry.reason.rstrip(".") or self.env._("mail to it came back"),
        )

    @api.model
    def _count_dead(self, domain, entries, last):
        """Count addresses as bounced that were not counted yet.

        :param dict entries: ``Suppression`` by address
        :param dict last: the last delivery, by address
        """
        counted = self._read_group(
            [("recipient", "in", list(entries)), ("bounce_counted", "=", True)],
            ["recipient"],
        )
        for address in entries.keys() - {address for (address,) in counted}:
            delivery = last.get(address, self.browse())
            if delivery:
                delivery.bounce_counted = True
            reason = delivery.reason or entries[address].reason
            # What has arrived did not come back.
            about = delivery.filtered(lambda row: row.state not in ARRIVED_STATES)
            about._report_bounce(address, domain, reason)
