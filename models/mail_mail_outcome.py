from odoo import models

from ..tools.errors import RefusedMessage
from . import mailing_traces


class MailMail(models.Model):
    """Puts right what core wrote about a mail, once it is known how it really ended."""

    _inherit = "mail.mail"

    def _mailgun_conclude(self, run, session, message):
        """Write down how an attempt ended, in the transaction of core's.

        :param SendingRun run: of the batch
        :param OutgoingSession session: that the mail was sent by
        :param message: its ``mail.message``
        """
        error, hand = session.error, session.ledger.hand
        run.note(error)
        if error and not isinstance(error, RefusedMessage):
            self._mailgun_put_back(run, session)
            if self.state == "outgoing":
                self._mailgun_show_waiting(message)
        elif error or hand.has_waited:
            self.exists()._mailgun_forget_waiting(error)
        if hand.is_plain and not error:
            if not session.policy.has_events:
                return
            copies = [(*copy, "accepted", "", "") for copy in hand.taken]
        else:
            copies = session.ledger.read(hand.message_id, hand.mail_id)
        self._mailgun_follow(message, copies, hand.mail_id, session.policy.has_events)

    def _mailgun_show_waiting(self, message):
        """Show everybody as queued; who has got the mail is put right afterwards."""
        failed = self.env["mail.notification"].sudo()
        failed = failed.search(
            [
                ("mail_mail_id", "=", self.id),
                ("notification_type", "=", "email"),
                ("notification_status", "=", "exception"),
            ]
        )
        failed._mailgun_wait()
        failed._mailgun_push(message)
        mailing_traces.wait(self.env, self.id)

    def _mailgun_follow(self, message, copies, mail_id, has_events):
        """Let notifications and mailing statistics say what the deliveries say.

        Core has just written "sent" for whom an event may have told otherwise.
        """
        if not copies:
            return
        addresses = [copy[:2] for copy in copies]
        notifications = self.env["mail.notification"]._mailgun_of(message, addresses)
        notifications._mailgun_follow(copies, has_events)._mailgun_push(message)
        if traces := mailing_traces.traces_of(self.env, [mail_id]):
            _partner_id, _address, state, reason, _kind = copies[0]
            mailing_traces.follow(traces, state, reason, has_events)
