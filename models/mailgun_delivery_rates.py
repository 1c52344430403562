from odoo import fields, models
from odoo.tools import SQL

from ..const import ARRIVED_STATES

# Mailgun has not tried, or nobody knows whether it has.
NOT_TRIED = ("sending", "suppressed")

# Of how many percent of the copies that Mailgun tried something is true.
_RATES = {
    "delivered_rate": ("state", SQL("IN %s", ARRIVED_STATES)),
    "opened_rate": ("opened_at", SQL("IS NOT NULL")),
    "clicked_rate": ("clicked_at", SQL("IS NOT NULL")),
    "bounced_rate": ("state", SQL("= 'bounced'")),
    "complained_rate": ("state", SQL("= 'complained'")),
}


def _rate(label):
    """Return a field that has a value for groups of records only."""
    return fields.Float(label, store=False, aggregator="avg", exportable=False)


class MailgunDelivery(models.Model):
    """Shares of deliveries, for graph and pivot."""

    _inherit = "mailgun.delivery"

    delivered_rate = _rate("Delivered (%)")
    opened_rate = _rate("Opened (%)")
    clicked_rate = _rate("Clicked (%)")
    bounced_rate = _rate("Bounced (%)")
    complained_rate = _rate("Reported as Spam (%)")

    def _read_group_select(self, aggregate_spec, query):
        name, _colon, aggregator = aggregate_spec.partition(":")
        if name not in _RATES or aggregator != "avg":
            return super()._read_group_select(aggregate_spec, query)
        column, condition = _RATES[name]
        return SQL(
            """COALESCE(AVG(CASE WHEN %s IN %s THEN NULL
                                 WHEN %s %s THEN 100.0
                                 ELSE 0.0 END), 0)""",
            self._field_to_sql(self._table, "state", query),
            NOT_TRIED,
            self._field_to_sql(self._table, column, query),
            condition,
        )
