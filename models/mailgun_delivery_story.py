from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import format_datetime

from ..const import DELIVERY_RANK
from .mailgun_delivery import TIMES

# A request to Mailgun has come to its end by then, whichever.
STILL_SENDING = timedelta(minutes=2)

# How bad a state is, in the words of ``health_line.LEVELS``.
_LEVELS = {
    "sending": "info",
    "accepted": "info",
    "deferred": "warning",
    "delivered": "ok",
    "opened": "ok",
    "clicked": "ok",
    "unsubscribed": "warning",
    "suppressed": "error",
    "failed": "error",
    "bounced": "error",
    "complained": "error",
}


class MailgunDelivery(models.Model):
    """What became of a copy, in words that need no knowledge of mail."""

    _inherit = "mailgun.delivery"

    mail_mail_id = fields.Many2one(
        "mail.mail", "Email in Odoo", compute="_compute_mail_id"
    )
    story = fields.Html("What Happened", compute="_compute_story", sanitize=False)

    @api.depends("mail_id")
    def _compute_mail_id(self):
        mails = self.env["mail.mail"].browse(set(self.mapped("mail_id")) - {0})
        known = set(mails.exists().ids)
        for delivery in self:
            found = delivery.mail_id in known
            delivery.mail_mail_id = delivery.mail_id if found else False

    @api.depends("state", *TIMES.values(), "reason", "doubt", "asked_since")
    def _compute_story(self):
        render = self.env["ir.qweb"]._render
        for delivery in self:
            delivery.story = render(
                "mail_mailgun.delivery_story", delivery._story_values()
            )

    def action_open_document(self):
        """Open what the message was written on."""
        self.ensure_one()
        message = self.mail_message_id
        return {
            "type": "ir.actions.act_window",
            "res_model": message.model,
            "res_id": message.res_id,
            "views": [(False, "form")],
        }

    def _story_values(self):
        """Return what became of the copy, as plain data.

        :return: ``level`` of ``health_line.LEVELS``, ``headline``, ``remedy`` ("" when
            there is nothing to do), ``steps`` (see :meth:`_steps`)
        :rtype: dict
        """
        self.ensure_one()
        return {
            "level": self._level(),
            "headline": self._headline(),
            "remedy": self._remedy(),
            "steps": self._steps(),
        }

    # === WHAT HAPPENED === #

    def _steps(self):
        """Return what happened, the earliest first: when, in words, and why.

        :rtype: list[dict[str, str]]
        """
        happened = {
            kind: moment for kind, name in TIMES.items() if (moment := self[name])
        }
        if len(happened) > 1:
            happened.pop("sending", None)
        # At the same second a mail is delivered first, and opened then.
        rank = {"machine_opened": DELIVERY_RANK["opened"], **DELIVERY_RANK}
        words = self._words()
        return [
            {
                "kind": kind,
                "when": format_datetime(self.env, moment, dt_format="short"),
                "text": words[kind],
                "why": self.reason or "" if kind == self.state else "",
            }
            for kind, moment in sorted(
                happened.items(), key=lambda item: (item[1], rank[item[0]])
            )
        ]

    def _words(self):
        failed = {
            "refused": self.env._("Refused by Mailgun"),
            "interrupted": self.env._("Not sent"),
        }.get(self.reason_kind)
        return {
            "sending": self.env._("Handed to Mailgun"),
            "accepted": self.env._("Accepted by Mailgun"),
            "deferred": self.env._("Delayed"),
            "delivered": self.env._("Delivered"),
            "opened": self._times(self.env._("Opened"), self.open_count),
            "machine_opened": self.env._("Opened by a program, perhaps by nobody"),
            "clicked": self._times(self.env._("A link was clicked"), self.click_count),
            "unsubscribed": self.env._("Unsubscribed"),
            "suppressed": self.env._("Suppressed at Mailgun"),
            "failed": failed or self.env._("Given up"),
            "bounced": self.env._("Bounced"),
            "complained": self.env._("Reported as spam"),
        }

    def _times(self, words, count):
        if count < 2:
            return words
        return self.env._("%(what)s (%(count)s times so far)", what=words, count=count)

    # === WHERE IT STANDS === #

    def _level(self):
        """Return how bad it is, see ``health_line.LEVELS``."""
        return "warning" if self._is_in_doubt() else _LEVELS[self.state]

    def _headline(self):
        """Return in a sentence what is known of the copy."""
        if self.state == "sending":
            return self._doubt_text()
        if self.state == "suppressed":
            return self._suppression_text()
        if self.state == "failed":
            return self._failure_text()
        return {
            "accepted": self.env._(
                "Mailgun has taken the mail, and has not told yet whether it arrived."
            ),
            "deferred": self.env._(
                "The recipient's mail server has put the mail off. Mailgun tries again "
                "by itself, for about eight hours."
            ),
            "delivered": self.env._("The recipient's mail server has taken the mail."),
            "opened": self.env._("The mail was opened."),
            "clicked": self.env._("The mail was read, and a link in it was clicked."),
            "unsubscribed": self.env._("The recipient wants no more of these mails."),
            "bounced": self.env._("The recipient's mail server has refused the mail."),
            "complained": self.env._("The recipient has reported the mail as spam."),
        }[self.state]

    def _suppression_text(self):
        because = {
            "suppress-bounce": self.env._("mail to it came back"),
            "suppress-complaint": self.env._("it has reported mail as spam"),
            "suppress-unsubscribe": self.env._("it has unsubscribed"),
        }
        return self.env._(
            "Mailgun delivers nothing to this address: %s.",
            because.get(self.reason_kind)
            or self.env._("it is on a list of addresses to leave alone"),
        )

    def _failure_text(self):
        return {
            "refused": self.env._("Mailgun refused the mail."),
            "interrupted": self.env._("Mailgun never got the mail."),
        }.get(self.reason_kind) or self.env._("The mail could not be delivered.")

    def _is_in_doubt(self):
        """Tell whether a request was made, and nobody knows how it ended."""
        if self.state != "sending":
            return False
        age = fields.Datetime.now() - self.sending_at
        return bool(self.doubt) or age > STILL_SENDING

    def _doubt_text(self):
        if not self._is_in_doubt():
            return self.env._("The mail is being handed to Mailgun.")
        minutes = self.domain_id.settling_minutes
        until = (self.asked_since or self.sending_at) + timedelta(minutes=minutes)
        if until < fields.Datetime.now():
            return self.env._(
                "It is not known whether Mailgun has taken the mail, and its "
                "confirmation is overdue."
            )
        return self.env._(
            "It is not known whether Mailgun has taken the mail. Waiting for Mailgun's "
            "confirmation until %s.",
            format_datetime(self.env, until, dt_format="short"),
        )

    def _remedy(self):
        """Return what somebody can do about it, "" when there is nothing to do."""
        if self.reason_kind == "refused":
            return self.env._("Repair what the reason says, then send the mail again.")
        if self.reason_kind == "interrupted":
            return self.env._("Send it again if it is still wanted.")
        return {
            "suppressed": self.env._(
                "Check the address. If it is right, ask an administrator to lift this "
                "(Settings > Technical > Email > Mailgun Deliveries, Lift "
                "Suppression), then send the mail again."
            ),
            "failed": self.env._(
                "Try again later, or reach the recipient in another way."
            ),
            "bounced": self.env._(
                "Check the address. Mailgun may deliver nothing more to it until an "
                "administrator lifts that (Settings > Technical > Email > Mailgun "
                "Deliveries, Lift Suppression)."
            ),
            "complained": self.env._(
                "Write to this address only if somebody there asks for it: complaints "
                "make mail to everybody else arrive as spam."
            ),
        }.get(self.state, "")
