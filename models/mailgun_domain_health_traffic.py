from datetime import timedelta

from odoo import fields, models
from odoo.tools import format_datetime

from .health_line import HealthLine, first_line

# Nothing waits this long unless something is stuck.
LATE = timedelta(minutes=15)
MAX_REASONS = 3


class MailgunDomain(models.Model):
    """The lines of the health that tell of mail, out and in."""

    _inherit = "mailgun.domain"

    def _health_of_traffic(self):
        """Return the lines; what waits or failed shows only when there is some."""
        return [
            self._health_of_sending(),
            self._health_of_receiving(),
            self._health_of_events(),
            *self._health_of_outgoing(),
            *self._health_of_rates(),
            *self._health_of_waiting(),
            *self._health_of_failures(),
            *self._health_of_late_events(),
            *self._health_of_failed_events(),
        ]

    def _health_of_sending(self):
        if self.sending_trouble:
            text = self.env._(
                "Mailgun did not take the last mail (%(when)s): %(why)s",
                when=self._when(self.sending_trouble_at),
                why=self.sending_trouble,
            )
            return HealthLine(
                "error",
                self.env._("Mail out"),
                text,
                self.env._(
                    "Mail that waits goes by itself then. Press Retry on mail that has "
                    "failed."
                ),
            )
        if not self.mail_server_ids:
            return HealthLine(
                "warning",
                self.env._("Mail out"),
                self.env._("No outgoing mail server uses this domain."),
                self.env._("Press Set Up Mail."),
            )
        if not self.last_sent_at:
            return HealthLine(
                "info",
                self.env._("Mail out"),
                self.env._("None yet."),
                self.env._("Try a round trip."),
            )
        return HealthLine("ok", self.env._("Mail out"), self._when(self.last_sent_at))

    def _health_of_receiving(self):
        title, last = self.env._("Mail in"), self._last_received_at()
        if self.refusal and not (last and last > self.refusal_at):
            text = self.env._(
                "A post was refused (%(when)s): %(why)s",
                when=self._when(self.refusal_at),
                why=self.refusal,
            )
            remedy = self.env._(
                "Mailgun repeats it for eight hours; nothing is lost until then."
            )
            return HealthLine("error", title, text, remedy)
        if not self.sudo()._has_secret("webhook_signing_key"):
            return HealthLine(
                "error",
                title,
                self.env._("There is no webhook signing key, so no mail is taken."),
                self.env._("Enter it below; it is at Mailgun under API Security."),
            )
        if not last:
            return HealthLine(
                "info", title, self.env._("None yet."), self.env._("Try a round trip.")
            )
        return HealthLine("ok", title, self._when(last))

    def _health_of_waiting(self):
        waiting = [("domain_id", "=", self.id), ("state", "=", "pending")]
        journal = self.env["mailgun.inbound.email"]
        oldest = journal.search(waiting, order="create_date", limit=1)
        if not oldest:
            return []
        late = fields.Datetime.now() - oldest.create_date > LATE
        text = self.env._(
            "%(count)s mails, the oldest since %(when)s.",
            count=journal.search_count(waiting),
            when=self._when(oldest.create_date),
        )
        remedy = self.env._(
            "Look at the reason in Mailgun Inbound Emails, and whether the scheduled "
            "action “Mailgun: route waiting mail” is active."
        )
        return [
            HealthLine(
                "error" if late else "info",
                self.env._("Waiting mail"),
                text,
                remedy if late else "",
            )
        ]

    def _health_of_failures(self):
        """Return a line for each reason, the most frequent first."""
        journal = self.env["mailgun.inbound.email"]
        groups = journal._read_group(
            [("domain_id", "=", self.id), ("state", "in", ["failed", "held"])],
            ["state", "error"],
            ["__count"],
            order="__count desc",
            limit=MAX_REASONS,
        )
        words = {
            "failed": (
                self.env._("Failed mail"),
                self.env._(
                    "Open Mailgun Inbound Emails, repair the reason, press Retry."
                ),
            ),
            "held": (
                self.env._("Held mail"),
                self.env._("Open Mailgun Inbound Emails and press Release or Discard."),
            ),
        }
        return [
            HealthLine(
                "warning",
                words[state][0],
                f"{count} × {first_line(error)}",
                words[state][1],
            )
            for state, error, count in groups
        ]

    # === FACTS === #

    def _last_received_at(self):
        journal = self.env["mailgun.inbound.email"]
        row = journal.search([("domain_id", "=", self.id)], order="id desc", limit=1)
        return row.create_date

    def _when(self, moment):
        return format_datetime(self.env, moment) if moment else ""
