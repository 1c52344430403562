from odoo import models

from .mail_thread import NOTES


class MailMail(models.Model):
    """Sends what core writes while it routes a mail of ours once that is committed.

    Core's gateway answers some mails from within the transaction that routes them. If
    that is rolled back and tried again, the answer would go out twice.
    """

    _inherit = "mail.mail"

    def send(self, auto_commit=False, raise_exception=False, post_send_callback=None):
        if self.env.context.get(NOTES):
            self.send_after_commit()
            return True
        return super().send(
            auto_commit=auto_commit,
            raise_exception=raise_exception,
            post_send_callback=post_send_callback,
        )

    def send_after_commit(self):
        # The context travels along, and by then the routing is over.
        mails = self.with_context(**{NOTES: None})
        return super(MailMail, mails).send_after_commit()
