from odoo import api, models

from ..const import DELIVERY_RETENTION_DAYS
from .retention import keep_since, remove_before


class MailgunDelivery(models.Model):
    """How long it is known what became of a mail."""

    _inherit = "mailgun.delivery"

    @api.autovacuum
    def _gc_deliveries(self):
        """Forget deliveries after their time."""
        since = keep_since(self.env, "keep_deliveries_days", DELIVERY_RETENTION_DAYS)
        return remove_before(self, "sending_at", since)
