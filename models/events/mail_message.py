from odoo import api, models
from odoo.exceptions import AccessError

# More copies than anybody reads; the rest is counted.
SHOWN_COPIES = 50


class MailMessage(models.Model):
    """What became of a message, for everybody who may read it."""

    _inherit = "mail.message"

    @api.readonly
    def mailgun_story(self):
        """Return what became of the copies of a message, as plain data.

        Deliveries themselves are for administrators. Colleagues see the state of a
        message that they may read, as they see core's envelope below it; visitors of
        the portal see neither.

        :return: ``waits``: why emails of the message are not sent yet; ``copies``: the
            recipients with what happened, who did not get it first; ``more``: how many
            copies are not among them; ``is_administrator``: may open the deliveries
        :rtype: dict
        :raise AccessError: the user may not read the message, or is no colleague
        """
        self.ensure_one()
        self.check_access("read")
        if not self.env.user._is_internal():
            raise AccessError(
                self.env._("Only employees see what became of a message.")
            )
        deliveries = self._mailgun_deliveries()
        shown = deliveries[:SHOWN_COPIES]
        return {
            "waits": self._mailgun_waiting_mails().mapped("mailgun_wait_text"),
            "copies": [self._mailgun_copy(delivery) for delivery in shown],
            "more": len(deliveries - shown),
            "is_administrator": self.env.user.has_group("base.group_system"),
            "message_id": self.message_id or "",
        }

    def _mailgun_deliveries(self):
        """Return the deliveries of a message; its user may read it, but not them."""
        deliveries = self.env["mailgun.delivery"].sudo()
        found = deliveries.search([("mail_message_id", "in", self.ids)])
        return found.sorted(lambda delivery: delivery._level() != "error")

    def _mailgun_waiting_mails(self):
        mails = self.env["mail.mail"].sudo()
        mails = mails.search([("mail_message_id", "=", self.id)])
        return mails.filtered("mailgun_wait_text")

    def _mailgun_copy(self, delivery):
        return {
            "id": delivery.id,
            "name": delivery.partner_id.display_name or "",
            "recipient": delivery.recipient,
            "attempt": delivery.attempt,
            "partner_id": delivery.partner_id.id,
            "can_lift": delivery.state in ("suppressed", "bounced")
            and self.env.user.has_group("base.group_system"),
            **delivery._story_values(),
        }
