from odoo import fields, models
from odoo.fields import Domain

from ..const import MAIL_WAITS
from .health_line import HealthLine
from .mailgun_delivery_story import STILL_SENDING
from .mailgun_domain_health_traffic import LATE


class MailgunDomain(models.Model):
    """The lines of the health that tell of mail that has not left, or may not have."""

    _inherit = "mailgun.domain"

    waiting_count = fields.Integer("Emails That Wait", compute="_compute_waiting_count")

    def _compute_waiting_count(self):
        emails = self.env["mail.mail"].sudo()
        for domain in self:
            waiting = domain._waiting_mail() if domain.id else Domain.FALSE
            domain.waiting_count = emails.search_count(waiting)

    def _health_of_outgoing(self):
        """Return a line for each kind of waiting; none when nothing waits."""
        waiting = self.env["mail.mail"].sudo()
        groups = waiting._read_group(
            self._waiting_mail(),
            ["mailgun_wait"],
            ["__count", "mailgun_wait_since:min"],
        )
        order = [wait for wait, _label in MAIL_WAITS]
        groups.sort(key=lambda group: order.index(group[0]))
        lines = [self._health_of_wait(*group) for group in groups]
        return [*lines, *self._health_of_doubt()]

    def _waiting_mail(self):
        """Return the domain of emails that have not left by this domain."""
        return (
            Domain("mailgun_wait", "!=", False)
            & Domain("mailgun_domain_ref", "=", self.id)
            & Domain("state", "in", ("outgoing", "exception"))
        )

    def _health_of_wait(self, wait, count, since):
        level, title, remedy = self._wait_words(wait)
        late = since and fields.Datetime.now() - since > LATE
        if level == "info" and late:
            level = "warning"
        text = self.env._(
            "Emails: %(count)s, the oldest since %(when)s.",
            count=count,
            when=self._when(since),
        )
        return HealthLine(level, title, text, remedy)

    def _wait_words(self, wait):
        return {
            "wait": (
                "info",
                self.env._("Mail out waits"),
                self.env._(
                    "It goes out by itself. The reasons are in Emails, filter “Waits "
                    "for Mailgun”."
                ),
            ),
            "setting": (
                "warning",
                self.env._("Mail out blocked"),
                self.env._(
                    "Repair what “Mail out” says. The mail then goes out by itself, or "
                    "at once: Emails, filter “Waits for a repair”, Send Now."
                ),
            ),
            "doubt": (
                "info",
                self.env._("Mail in doubt"),
                self.env._(
                    "Mailgun is being asked whether it took it. See Emails, filter "
                    "“Waits for Mailgun”."
                ),
            ),
            "stale": (
                "warning",
                self.env._("Mail too old"),
                self.env._(
                    "Decide: Emails, filter “Waits for your decision”, Send It or "
                    "Discard."
                ),
            ),
            "uncertain": (
                "warning",
                self.env._("Mail unclear"),
                self.env._(
                    "Decide: Emails, filter “Waits for your decision”, Send Again or "
                    "It Has Arrived."
                ),
            ),
        }[wait]

    def _health_of_doubt(self):
        """Tell of messages in doubt that no waiting email stands for."""
        limit = fields.Datetime.now() - STILL_SENDING
        count = self.env["mailgun.delivery"].search_count(
            [
                ("state", "=", "sending"),
                ("sending_at", "<", limit),
                ("domain_id", "=", self.id),
                ("mail_id", "=", 0),
            ]
        )
        if not count:
            return []
        text = self.env._(
            "%s recipients of messages that were sent without an email.", count
        )
        remedy = self.env._("See Mailgun Deliveries, filter “In doubt”.")
        return [HealthLine("info", self.env._("Messages in doubt"), text, remedy)]

    # === WHERE TO LOOK === #

    def action_open_deliveries(self):
        """Open what became of the mail of this domain, the last week first."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "mail_mailgun.mailgun_delivery_action"
        )
        action["domain"] = [("domain_id", "=", self.id)]
        action["context"] = {"search_default_last_week": 1}
        return action

    def action_open_waiting(self):
        """Open the emails that have not left by this domain."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "mail.action_view_mail_mail"
        )
        action["domain"] = list(self._waiting_mail())
        action["context"] = {"search_default_group_by_mailgun_wait": 1}
        return action
