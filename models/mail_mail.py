from odoo import fields, models

from ..const import MAIL_WAITS
from .mail_in_hand import IN_HAND
from .mail_thread import NOTES

#: Context key: a mail goes back into the queue by itself, and not on purpose.
CONTINUES = "mailgun_attempt_continues"


class MailMail(models.Model):
    """What a mail that leaves by Mailgun remembers between its attempts."""

    _inherit = "mail.mail"

    mailgun_attempt = fields.Integer(default=1, readonly=True, copy=False)
    mailgun_resend_all = fields.Boolean(readonly=True, copy=False)
    mailgun_wait = fields.Selection(MAIL_WAITS, "Waiting", readonly=True, copy=False)
    mailgun_wait_reason = fields.Text("Waits Because", readonly=True, copy=False)
    mailgun_wait_since = fields.Datetime("Waits Since", readonly=True, copy=False)
    mailgun_wait_count = fields.Integer("Attempts", readonly=True, copy=False)
    mailgun_give_up_at = fields.Datetime("Given Up After", readonly=True, copy=False)

    _mailgun_waiting = models.Index("(mailgun_wait) WHERE mailgun_wait IS NOT NULL")

    def write(self, vals):
        """Open a new attempt when somebody puts a mail back into the queue.

        After it was sent, or cancelled, everybody gets it again; after it failed, only
        those who did not get it.
        """
        if vals.get("state") != "outgoing" or self.env.context.get(CONTINUES):
            return super().write(vals)
        ended = self.filtered(lambda mail: mail.state in ("sent", "cancel"))
        failed = self.filtered(lambda mail: mail.state == "exception")
        for mails, everybody in ((ended, True), (failed, False)):
            for attempt, same in mails.grouped("mailgun_attempt").items():
                again = {
                    "mailgun_attempt": (attempt or 1) + 1,
                    "mailgun_resend_all": everybody,
                    **NO_WAIT,
                }
                super(MailMail, same).write({**vals, **again})
        others = self - ended - failed
        return super(MailMail, others).write(vals) if others else True

    def send(self, auto_commit=False, raise_exception=False, post_send_callback=None):
        """Wait for the commit when core writes this mail while it routes one of ours.

        Core's gateway answers some mails from within the transaction that routes them.
        If that is rolled back and tried again, the answer would go out twice.
        """
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

    def _prepare_outgoing_list(self, mail_server=False, doc_to_followers=None):
        """Note whose copy goes to which address; later there is only the address."""
        emails = super()._prepare_outgoing_list(
            mail_server=mail_server, doc_to_followers=doc_to_followers
        )
        if hand := self.env.context.get(IN_HAND):
            hand.note_copies(emails)
        return emails


#: Values of a mail that waits for nothing.
NO_WAIT = {
    "mailgun_wait": False,
    "mailgun_wait_reason": False,
    "mailgun_wait_since": False,
    "mailgun_wait_count": 0,
    "mailgun_give_up_at": False,
}
