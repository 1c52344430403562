from odoo import fields, models

from odoo.addons.mail.tools.discuss import Store


def _is_email(notification):
    return notification.notification_type == "email"


class MailNotification(models.Model):
    """What the envelope below a message tells, besides its colour."""

    _inherit = "mail.notification"

    # Core's "Bounce" would blame an address that nobody has tried this time.
    failure_type = fields.Selection(
        selection_add=[("mailgun_suppressed", "Suppressed at Mailgun")],
        ondelete={"mailgun_suppressed": "set mail_bounce"},
    )

    def _to_store_defaults(self, target):
        """Send the reason along: it is in the mailbox's or Mailgun's own words."""
        reason = Store.Attr("failure_reason", predicate=_is_email)
        return [*super()._to_store_defaults(target), reason]

    def _mailgun_values(self, copies, has_events):
        """Say why a mail is late, and when Mailgun has not even tried."""
        values = super()._mailgun_values(copies, has_events)
        reasons = {state: reason for _id, _address, state, reason, _kind in copies}
        status = values.get("notification_status")
        if status == "pending" and "deferred" in reasons:
            values["failure_reason"] = reasons["deferred"] or False
        elif status == "bounce" and "bounced" not in reasons:
            values["failure_type"] = "mailgun_suppressed"
        return values
