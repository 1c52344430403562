from datetime import timedelta

from odoo import api, fields, models

from ..const import PENDING_DAYS

_BATCH = 10_000


class MailNotification(models.Model):
    """Mail of which no event ever told anything after it was accepted."""

    _inherit = "mail.notification"

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
