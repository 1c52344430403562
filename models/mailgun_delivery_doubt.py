import logging
from datetime import timedelta

from odoo import api, fields, models

from .advisory_lock import SENT_MESSAGE, is_being_sent, try_lock

_logger = logging.getLogger(__name__)

# Seconds after which a sender is not at it any more, and between two questions.
_PATIENCE = 60
_QUESTIONS_PER_RUN = 100


class MailgunDelivery(models.Model):
    """Finds out what became of copies that a sender left behind in the middle.

    A webhook tells at once. Else Mailgun's record of events is asked, and that it knows
    nothing counts only after a while, since it is written late. Where the key may not
    read it, a person is asked, unless the domain says otherwise.
    """

    _inherit = "mailgun.delivery"

    asked_at = fields.Datetime(readonly=True)

    @api.model
    def _settle(self):
        """Look at what is in doubt.

        :return: whether events were found that are to be applied
        :rtype: bool
        """
        limit = fields.Datetime.now() - timedelta(seconds=_PATIENCE)
        rows = self.search(
            [
                ("state", "=", "sending"),
                ("sending_at", "<", limit),
                "|",
                ("asked_at", "=", False),
                ("asked_at", "<", limit),
            ],
            order="asked_at NULLS FIRST, id",
            limit=_QUESTIONS_PER_RUN,
        )
        found = False
        for domain, in_doubt in rows.grouped("domain_id").items():
            found |= domain._settle_deliveries(in_doubt)
        return found

    # === ONE POST === #

    def _conclude_doubt(self, answer):
        """Act on what Mailgun has told of one POST, unless a sender is at it.

        :param str answer: "taken"; "unknown"; "forbidden": it cannot be asked
        """
        first = self[:1]
        if first.mail_id and is_being_sent(self.env.cr, first.mail_id):
            return
        if not try_lock(self.env.cr, SENT_MESSAGE, first.message_id):
            return
        now = fields.Datetime.now()
        left = self.filtered(lambda row: row.state == "sending")
        left.asked_at = now
        mail = self.env["mail.mail"].browse(first.mail_id or ()).exists()
        is_failure = first.doubt == "failure"
        if not left:
            return
        if answer == "taken":
            left.write({"state": "accepted", "accepted_at": now, "doubt": False})
            mail._mailgun_confirmed()
        elif answer == "unknown":
            left.filtered(lambda row: not row.asked_since).asked_since = now
            if is_failure or left._is_time_over("asked_since"):
                left._give_back(mail)
        elif is_failure:
            left._give_back(mail)
        elif left._is_time_over("sending_at"):
            left._ask_a_person(mail)

    def _is_time_over(self, since):
        now = fields.Datetime.now()
        settling = timedelta(minutes=self.domain_id.settling_minutes)
        return all(now - row[since] >= settling for row in self)

    def _give_back(self, mail):
        """Let the mail be sent again: Mailgun has not taken these copies.

        :param mail: the ``mail.mail``, perhaps gone by now
        """
        if mail.state in ("outgoing", "exception"):
            _logger.info("Mailgun has not taken mail %s: it is sent again", mail.id)
            self.unlink()
            mail._mailgun_confirmed()
            return
        self.write(
            {
                "state": "failed",
                "failed_at": fields.Datetime.now(),
                "reason_kind": "interrupted",
                "reason": self.env._(
                    "Sending was interrupted, and Mailgun does not know the mail. It "
                    "was cancelled, deleted or sent again meanwhile."
                ),
            }
        )

    def _ask_a_person(self, mail):
        may_resend = self.domain_id.doubt_policy == "resend"
        if mail.mailgun_wait == "uncertain" and not may_resend:
            # Somebody is asked already, and the answer is still out.
            return
        if may_resend or mail.state != "outgoing":
            self._give_back(mail)
        else:
            mail._mailgun_ask_whether_sent(self)
