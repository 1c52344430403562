from odoo import api, models
from odoo.fields import Domain

# What a copy's state means for whoever wrote the message, in core's words: "pending" is
# shown as sent, "sent" as delivered.
_STATUS = {
    "accepted": "pending",
    "deferred": "pending",
    "delivered": "sent",
    "opened": "sent",
    "clicked": "sent",
    "unsubscribed": "sent",
    "complained": "sent",
    "suppressed": "bounce",
    "failed": "exception",
    "bounced": "bounce",
}
# Of several addresses of one contact the worst counts.
_WORST_FIRST = ("bounce", "exception", "pending", "sent")


def status_of(state, has_events):
    """Return the status of a notification, or None while it is not known.

    :param str state: of a ``mailgun.delivery``
    :param bool has_events: deliveries are told of, so "delivered" waits for it
    """
    status = _STATUS.get(state)
    return "sent" if status == "pending" and not has_events else status


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
        if worst in ("pending", "sent"):
            return {
                "notification_status": worst,
                "failure_type": False,
                "failure_reason": False,
            }
        _state, reason = known[worst]
        is_bounce = worst == "bounce"
        kind = "mail_bounce" if is_bounce else self.failure_type or "unknown"
        return {
            "notification_status": worst,
            "failure_type": kind,
            "failure_reason": reason or False,
        }

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
        """Tell the author's browser, as core does, when one of these has changed."""
        if self and message._is_thread_message():
            message._notify_message_notification_update()
