from odoo import fields, models

from . import secret_keys
from .event_recovery import EventRecovery


class MailgunDomain(models.Model):
    """Asks for events that were missed, say while Odoo was down for a day."""

    _inherit = "mailgun.domain"

    # Up to when Mailgun's record of events was looked through.
    events_cursor = fields.Datetime(readonly=True, copy=False)

    def _polls(self):
        return {**super()._polls(), "events": self._poll_events}

    def _poll_events(self, has_time):
        return EventRecovery(self).run(has_time).is_complete

    def action_fetch_events(self):
        """Fetch what no webhook has told, and say how much it was.

        :raise UserError: Mailgun cannot be asked, and why
        """
        self.ensure_one()
        with secret_keys.as_user_error():
            found = EventRecovery(self).run(self._poll_pace())
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success" if found.is_complete else "warning",
                "message": found.describe(self.env),
                "sticky": not found.is_complete,
                "next": {"type": "ir.actions.act_window_close"},
            },
        }
