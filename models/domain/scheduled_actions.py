"""Whether the scheduled actions that mail needs are run, by whichever server.

A server routes mail and sends it without them, so that none runs them shows late:
with ``--max-cron-threads=0`` everywhere no event is applied, nothing that waits goes
on, and nobody is told of it by another scheduled action.
"""

from datetime import timedelta

from odoo import fields, models

from .health import HealthLine

# They are due every minute.
_EVERY_MINUTE = ("mail_mailgun.ir_cron_inbound_queue", "mail_mailgun.ir_cron_events")
_NEEDED = (
    *_EVERY_MINUTE,
    "mail_mailgun.ir_cron_suppressions",
    "mail_mailgun.ir_cron_daily_check",
    "mail.ir_cron_mail_scheduler_action",
)

# A server looks for due ones at least every 70 seconds, and may just be restarted.
OVERDUE = timedelta(minutes=5)


class MailgunDomain(models.Model):
    """Tells when nothing is done by itself."""

    _inherit = "mailgun.domain"

    def _scheduled(self, names):
        found = [self.env.ref(name, raise_if_not_found=False) for name in names]
        crons = self.env["ir.cron"].sudo()
        return crons.browse([one.id for one in found if one])

    def _last_scheduled_at(self):
        """Return when an action that is due every minute has last ended, or None."""
        every_minute = self._scheduled(_EVERY_MINUTE)
        every_minute.invalidate_recordset(["lastcall"])
        return max(filter(None, every_minute.mapped("lastcall")), default=None)

    def _nobody_scheduled_since(self):
        """Return since when no server runs scheduled actions; None if one does.

        One alone that is late may just take long.
        """
        crons = self._scheduled(_EVERY_MINUTE)
        crons.invalidate_recordset(["nextcall", "active"])
        due = crons.filtered("active").mapped("nextcall")
        if not due or fields.Datetime.now() - max(due) <= OVERDUE:
            return None
        return min(due)

    def _health_of_account(self):
        return [*self._health_of_scheduled(), *super()._health_of_account()]

    def _health_of_scheduled(self):
        title = self.env._("Scheduled actions")
        if since := self._nobody_scheduled_since():
            text, remedy = self._nobody_scheduled_words(since)
            return [HealthLine("error", title, text, remedy)]
        off = self._scheduled(_NEEDED).filtered(lambda cron: not cron.active)
        if not off:
            return []
        text = self.env._("Switched off: %s.", ", ".join(off.mapped("name")))
        remedy = self.env._(
            "Activate them in Settings > Technical > Scheduled Actions."
        )
        return [HealthLine("error", title, text, remedy)]

    def _nobody_scheduled_words(self, since):
        """Return what was found and what to do.

        :param datetime since: when one should have run
        """
        text = self.env._(
            "No server runs them since %s: events are not applied, and mail that waits "
            "is neither sent nor routed.",
            self._when(since),
        )
        remedy = self.env._(
            "One server of this database has to run with max_cron_threads of 1 or more "
            "(odoo.conf, or --max-cron-threads). If one does, all its threads may be "
            "busy: its log names what runs long."
        )
        return text, remedy
