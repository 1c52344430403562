from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

from odoo.addons.mail.tools.discuss import Store

from ...const import PENDING_DAYS
from ..outgoing.mailing_traces import status_of

# Of several addresses of one contact the worst counts.
_WORST_FIRST = ("bounce", "exception", "pending", "sent")

_BATCH = 10_000

# Of so many copies of a message each is followed in the author's browser.
_FOLLOWED_COPIES = 50


def _is_email(notification):
    return notification.notification_type == "email"


class MailNotification(models.Model):
    """The icon below a message, following the deliveries of its mail."""

    _inherit = "mail.notification"

    @api.model
    def _mailgun_of(self, message, copies):
        """Return the notifications that copies of a message belong to.

        :param message: the ``mail.message``
        :param list copies: contact (0 = none) and address of each
        """
        contacts = [partner_id for partner_id, _address in copies if partner_id > 0]
        addresses = [address for _partner_id, address in copies]
        return self.sudo().search(
            Domain("mail_message_id", "=", message.id)
            & Domain("notification_type", "=", "email")
            & (
                Domain("res_partner_id", "in", contacts)
                | (
                    Domain("res_partner_id", "=", False)
                    & Domain("mail_email_address", "in", addresses)
                )
            )
        )

    def _mailgun_follow(self, copies, has_events):
        """Take over what became of the copies.

        :param list copies: contact, address, state, reason and its kind of each
        :return: those whose status changed
        """
        changed = self.browse()
        for notification in self:
            mine = [copy for copy in copies if notification._mailgun_is_of(*copy[:2])]
            values = notification._mailgun_values(mine, has_events)
            if values and notification.notification_status != "canceled":
                if any(notification[name] != value for name, value in values.items()):
                    notification.write(values)
                    changed |= notification
        return changed

    def _mailgun_is_of(self, partner_id, address):
        if self.res_partner_id:
            return self.res_partner_id.id == partner_id
        return self.mail_email_address == address

    def _mailgun_values(self, copies, has_events):
        known = {
            status: (state, reason)
            for _partner_id, _address, state, reason, _kind in copies
            if (status := status_of(state, has_events))
        }
        worst = next((status for status in _WORST_FIRST if status in known), None)
        if worst is None:
            return {}
        reasons = {state: reason for _id, _address, state, reason, _kind in copies}
        reason, kind = False, False
        if worst == "pending":
            # Why it is late.
            reason = reasons.get("deferred")
        elif worst == "bounce":
            _state, reason = known[worst]
            # Suppressed: Mailgun has not even tried.
            kind = "mail_bounce" if "bounced" in reasons else "mailgun_suppressed"
        elif worst == "exception":
            _state, reason = known[worst]
            kind = self.failure_type or "unknown"
        return {
            "notification_status": worst,
            "failure_type": kind,
            "failure_reason": reason or False,
        }

    def _mailgun_whose(self):
        """Return the message's id, and contact (or 0) or address of who is notified."""
        contact = self.res_partner_id.id or 0
        address = "" if contact else self.mail_email_address or ""
        return self.mail_message_id.id, contact, address

    def _mailgun_wait(self):
        """Show as queued what core shows as failed, for it is tried again."""
        self.write(
            {
                "notification_status": "ready",
                "failure_type": False,
                "failure_reason": False,
            }
        )

    def _mailgun_push(self, message):
        """Tell the author's browser, as core does, when one of these has changed.

        Core sends all notifications of the message along. Of a message to hundreds
        nobody follows each copy, so only what failed is told at once.
        """
        news = self
        if len(message.notification_ids) > _FOLLOWED_COPIES:
            news = self.filtered(
                lambda one: one.notification_status in ("bounce", "exception")
            )
        if news and message._is_thread_message():
            message._notify_message_notification_update()

    # === MAIL OF WHICH NO EVENT EVER TOLD ANYTHING AFTER IT WAS ACCEPTED === #

    @api.autovacuum
    def _gc_mailgun_pending(self):
        """Show as delivered what has been on its way for so long.

        Mailgun gives a mail up after hours, and would have said so; the event of it got
        lost. Core never touches this status, so it would stay for ever.
        """
        limit = fields.Datetime.now() - timedelta(days=PENDING_DAYS)
        self.env.cr.execute(
            """UPDATE mail_notification SET notification_status = 'sent'
                WHERE id IN (
               SELECT notification.id
                 FROM mail_notification AS notification
                 JOIN mail_message AS message
                   ON message.id = notification.mail_message_id
                WHERE notification.notification_status = 'pending'
                  AND notification.notification_type = 'email'
                  AND EXISTS (SELECT FROM mailgun_delivery AS delivery
                               WHERE delivery.message_id = message.message_id)
                  AND NOT EXISTS (SELECT FROM mailgun_delivery AS delivery
                                   WHERE delivery.message_id = message.message_id
                                     AND delivery.sending_at >= %s)
                LIMIT %s
                  FOR UPDATE OF notification SKIP LOCKED)""",
            [limit, _BATCH],
        )
        count = self.env.cr.rowcount
        self.invalidate_model(["notification_status"])
        return count, count == _BATCH

    # === THE ENVELOPE BELOW A MESSAGE === #

    # Core's "Bounce" would blame an address that nobody has tried this time.
    failure_type = fields.Selection(
        selection_add=[("mailgun_suppressed", "Suppressed at Mailgun")],
        ondelete={"mailgun_suppressed": "set mail_bounce"},
    )

    def _to_store_defaults(self, target):
        """Send the reason along: it is in the mailbox's or Mailgun's own words."""
        reason = Store.Attr("failure_reason", predicate=_is_email)
        return [*super()._to_store_defaults(target), reason]
