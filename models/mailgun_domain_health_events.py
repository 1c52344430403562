from odoo import fields, models

from .health_line import HealthLine, first_line
from .mailgun_domain_health_traffic import LATE, MAX_REASONS


class MailgunDomain(models.Model):
    """The lines of the health that tell of events: what became of the mail."""

    _inherit = "mailgun.domain"

    def _health_of_events(self):
        title, last = self.env._("Events"), self._last_event_at()
        sent = self.last_sent_at
        if (
            sent
            and fields.Datetime.now() - sent > LATE
            and not (last and last > sent - LATE)
        ):
            return HealthLine(
                "warning",
                title,
                self.env._("Mail was sent, and no event has told of it."),
                self.env._(
                    "Bounces go unnoticed. Press Repair, or check the webhooks' URL."
                ),
            )
        if not last:
            return HealthLine(
                "info", title, self.env._("None yet."), self.env._("Try a round trip.")
            )
        return HealthLine("ok", title, self._when(last))

    def _health_of_late_events(self):
        waiting = [("domain_id", "=", self.id), ("state", "=", "pending")]
        events = self.env["mailgun.event"]
        oldest = events.search(waiting, order="create_date", limit=1).create_date
        if not oldest or fields.Datetime.now() - oldest <= LATE:
            return []
        return [
            HealthLine(
                "error",
                self.env._("Waiting events"),
                self.env._(
                    "%(count)s events, the oldest since %(when)s.",
                    count=events.search_count(waiting),
                    when=self._when(oldest),
                ),
                self.env._(
                    "Bounces go unnoticed. Look whether the scheduled action “Mailgun: "
                    "apply events” is active and runs."
                ),
            )
        ]

    def _health_of_failed_events(self):
        """Return a line for each reason, the most frequent first."""
        groups = self.env["mailgun.event"]._read_group(
            [("domain_id", "=", self.id), ("state", "=", "failed")],
            ["error"],
            ["__count"],
            order="__count desc",
            limit=MAX_REASONS,
        )
        return [
            HealthLine(
                "warning",
                self.env._("Failed events"),
                f"{count} × {first_line(error)}",
                self.env._(
                    "Open Mailgun Events with the filter “Could not be applied”, "
                    "repair the reason, press Apply Again."
                ),
            )
            for error, count in groups
        ]

    def _last_event_at(self):
        """Return when a webhook told of something; what was asked for is no proof."""
        told = [("domain_id", "=", self.id), ("polled", "=", False)]
        row = self.env["mailgun.event"].search(told, order="id desc", limit=1)
        return row.create_date
