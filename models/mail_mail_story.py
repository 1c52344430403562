from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_datetime

from .mail_mail import CONTINUES, NO_WAIT

# What goes on only when a person says so.
_ASKING = ("stale", "uncertain")


class MailMail(models.Model):
    """What a mail waits for, in words, and what a person may decide about it."""

    _inherit = "mail.mail"

    # A number, since the row of a domain is written while mail is sent.
    mailgun_domain_ref = fields.Integer(
        "Mailgun Domain ID", readonly=True, copy=False, help="By which it was to leave."
    )
    mailgun_wait_text = fields.Text("Waits", compute="_compute_mailgun_wait_text")
    mailgun_delivery_ids = fields.One2many(
        "mailgun.delivery", string="Deliveries", compute="_compute_mailgun_delivery_ids"
    )

    @api.depends("mailgun_wait", "mailgun_wait_reason", "scheduled_date", "state")
    def _compute_mailgun_wait_text(self):
        for mail in self:
            waits = mail.mailgun_wait and mail.state in ("outgoing", "exception")
            mail.mailgun_wait_text = mail._mailgun_wait_text() if waits else False

    @api.depends("message_id", "state")
    def _compute_mailgun_delivery_ids(self):
        deliveries = self.env["mailgun.delivery"].search(
            [
                ("message_id", "in", self.mapped("message_id")),
                ("mail_id", "in", self.ids),
            ]
        )
        by_mail = deliveries.grouped("mail_id")
        for mail in self:
            mail.mailgun_delivery_ids = by_mail.get(mail.id)

    # === IN WORDS === #

    def _mailgun_wait_text(self):
        """Return what is waited for, since when and until when."""
        words = {
            "reason": self.mailgun_wait_reason or "",
            "since": self._mailgun_when(self.mailgun_wait_since),
            "next": self._mailgun_when(self.scheduled_date),
            "end": self._mailgun_when(self.mailgun_give_up_at),
            "count": self.mailgun_wait_count,
        }
        if self.mailgun_wait == "wait":
            return self.env._(
                "This email waits since %(since)s: %(reason)s It goes out by itself, "
                "the next attempt is on %(next)s. Attempts so far: %(count)s; given up "
                "on %(end)s.",
                **words,
            )
        if self.mailgun_wait == "setting":
            return self.env._(
                "This email waits since %(since)s for something to be repaired: "
                "%(reason)s It is tried again on %(next)s.",
                **words,
            )
        if self.mailgun_wait == "doubt":
            return self.env._(
                "Since %(since)s it is not known whether Mailgun has taken this "
                "email. Waiting for Mailgun's confirmation until %(next)s. If there is "
                "none by then, it is sent again, or an administrator is asked.",
                **words,
            )
        if self.mailgun_wait == "stale":
            return self.env._(
                "This email had to wait since %(since)s and may be of no use any more, "
                "so it does not go out without being asked for. It waited because: "
                "%(reason)s",
                **words,
            )
        # Uncertain: what was written then names the time and the recipients.
        return self.failure_reason or ""

    def _mailgun_when(self, moment):
        if not moment:
            return "?"
        return format_datetime(self.env, moment, dt_format="short")

    # === WHAT A PERSON DECIDES === #

    def action_mailgun_send(self):
        """Send mail that waits or asks first; after doubt perhaps a second time.

        By the queue, which may do what core's button may not: an administrator has no
        right to change a message that belongs to no document of his.
        """
        self._mailgun_check_waits("wait", "setting", *_ASKING)
        self.write({"state": "outgoing", "scheduled_date": False, **NO_WAIT})
        return self._mailgun_send_soon()

    def action_mailgun_discard(self):
        """Send it no more; nobody is to be told of a failure any longer."""
        self._mailgun_check_waits(*_ASKING)
        self.cancel()
        notifications = self.env["mail.notification"].sudo()
        notifications = notifications.search(
            [
                ("mail_mail_id", "in", self.ids),
                ("notification_status", "in", ["ready", "exception", "bounce"]),
            ]
        )
        notifications.write({"notification_status": "canceled"})
        for message, some in notifications.grouped("mail_message_id").items():
            some._mailgun_push(message)

    def action_mailgun_arrived(self):
        """Take the word of a person that the doubtful copies did arrive.

        Core then goes through the mail once more as for any other: the ledger says
        that those have it, so they are left out, and the rest gets it.
        """
        self._mailgun_check_waits("uncertain")
        now = fields.Datetime.now()
        for mail in self:
            doubtful = mail.mailgun_delivery_ids.filtered(
                lambda delivery, attempt=mail.mailgun_attempt or 1: (
                    delivery.state == "sending" and delivery.attempt == attempt
                )
            )
            doubtful.sudo().write(
                {"state": "accepted", "accepted_at": now, "doubt": False}
            )
        # Not the attempt of somebody who wants to send it once more.
        self.with_context(**{CONTINUES: True}).write(
            {
                "state": "outgoing",
                "scheduled_date": False,
                "failure_type": False,
                "failure_reason": False,
                **NO_WAIT,
            }
        )
        return self._mailgun_send_soon()

    def _mailgun_check_waits(self, *kinds):
        """Refuse to decide what is decided already.

        :raise UserError: a mail does not wait any more
        """
        for mail in self:
            state = "exception" if mail.mailgun_wait in _ASKING else "outgoing"
            if mail.mailgun_wait not in kinds or mail.state != state:
                raise UserError(
                    self.env._("This email does not wait any more. Reload the page.")
                )

    def _mailgun_send_soon(self):
        """Have the queue send it right after this transaction, and say so.

        Not within: the ledger does not see what is not committed.
        """
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("The queue takes care of it within a minute."),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }
