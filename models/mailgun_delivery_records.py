from collections import defaultdict

from odoo import api, fields, models
from odoo.tools import email_normalize, plaintext2html

from . import mailing_traces
from .mail_thread import COUNTED
from .mailgun_delivery import TIMES


class MailgunDelivery(models.Model):
    """What Odoo's own records are told: notifications, bounces, mailings, blacklist."""

    _inherit = "mailgun.delivery"

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
        concerned = self.grouped("message_id")
        messages = self.env["mail.message"].search(
            [("message_id", "in", list(concerned))]
        )
        notifications = self.env["mail.notification"].search(
            [
                ("mail_message_id", "in", messages.ids),
                ("notification_type", "=", "email"),
            ]
        )
        if not notifications:
            return
        copies = self._copies_of(concerned)
        changed = self.env["mail.notification"]
        for message, some in notifications.grouped("mail_message_id").items():
            name = message.message_id
            for delivery in concerned[name]:
                mine = some.filtered(
                    lambda one, row=delivery: one._mailgun_is_of(
                        row.partner_ref, row.recipient
                    )
                )
                changed |= mine._mailgun_follow(copies[name], True)
                if delivery.state == "bounced":
                    # Core has marked it (_count_bounces) and told no browser.
                    changed |= mine
        told = changed.mail_message_id.filtered(lambda one: one._is_thread_message())
        if told:
            told._notify_message_notification_update()

    @api.model
    def _copies_of(self, message_ids):
        """Return what is known of the copies of messages, the last attempt of each.

        :return: by Message-Id: contact, address, state, reason and its kind
        """
        last = {}
        for row in self.search([("message_id", "in", list(message_ids))], order="id"):
            last[row.message_id, row.partner_ref, row.recipient] = row
        copies = defaultdict(list)
        for row in last.values():
            copies[row.message_id].append(
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
            if not row.bounced_at:
                row.write({"state": "bounced", "bounced_at": fields.Datetime.now()})
        return bool(new)

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
                if wanted and change.is_new(kind):
                    blacklist = self.env["mail.blacklist"].sudo()
                    blacklist._add(delivery.recipient, message=text)
