from dataclasses import dataclass
from datetime import timedelta

from odoo import fields, models
from odoo.tools import SQL

from ...const import ARRIVED_STATES
from ..domain.alarms import Trouble
from ..domain.health import HealthLine

RATE_DAYS = 7

# With less mail a single complaint, or five bounces, would already be an alarm.
ENOUGH_FOR_COMPLAINTS = 1000

ENOUGH_FOR_BOUNCES = 100

# Percent of the mail that was delivered. Google: below 0.10 %, never 0.30 %
# (https://support.google.com/mail/answer/81126, "Email sender guidelines"); Yahoo:
# below 0.3 % (https://senders.yahooinc.com/best-practices/). The warning comes before.
COMPLAINTS_WARNING = 0.08

COMPLAINTS_GOAL = 0.10

COMPLAINTS_LIMIT = 0.30

# Percent of the mail that was tried. Mailgun disables a domain that bounces too much,
# and publishes no figure (https://documentation.mailgun.com, "How to lower your bounce
# rate"); 5 % is what a product that sends through it tells its users
# (https://help.prismacampaigns.com/faqs/diagnose/high-bounce-complaint-rates-mailgun).
BOUNCES_WARNING = 3.0

BOUNCES_LIMIT = 5.0


@dataclass(frozen=True)
class Outcome:
    """What became of the mail of the last days.

    :param tried: copies that Mailgun tried to deliver
    :param arrived: those that a mail server has taken and not sent back
    :param bounced: those that it refused
    :param complained: those that were reported as spam
    """

    tried: int = 0
    arrived: int = 0
    bounced: int = 0
    complained: int = 0

    @property
    def bounce_rate(self):
        """Percent of what was tried."""
        return 100 * self.bounced / self.tried if self.tried else 0.0

    @property
    def complaint_rate(self):
        """Percent of what arrived."""
        return 100 * self.complained / self.arrived if self.arrived else 0.0


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


class MailgunDomain(models.Model):
    """How many come back, how many complain, against the limits of who decides."""

    _inherit = "mailgun.domain"

    def _recent_outcome(self):
        """Return what became of the domain's mail of the last days; one query.

        :rtype: Outcome
        """
        since = fields.Datetime.now() - timedelta(days=RATE_DAYS)
        self.env["mailgun.delivery"].flush_model(["domain_id", "sending_at", "state"])
        self.env.cr.execute(
            """SELECT count(*) FILTER (WHERE state NOT IN ('sending', 'suppressed')),
                      count(*) FILTER (WHERE state IN ('delivered', 'opened', 'clicked',
                                                       'unsubscribed', 'complained')),
                      count(*) FILTER (WHERE state = 'bounced'),
                      count(*) FILTER (WHERE state = 'complained')
                 FROM mailgun_delivery
                WHERE domain_id = %s AND sending_at >= %s""",
            [self.id, since],
        )
        return Outcome(*self.env.cr.fetchone())

    # What was found at the last check, which looks at a week of deliveries.
    rates_trouble = fields.Json(readonly=True, copy=False)

    def _check_alone(self):
        lines = [line for line in self._health_of_rates() if line.level == "error"]
        self._write_alone(rates_trouble=[[one.text, one.remedy] for one in lines])
        return super()._check_alone()

    def _troubles(self):
        first = (self.rates_trouble or [])[:1]
        found = [Trouble("rates", *words, is_sure=True) for words in first]
        return [*super()._troubles(), *found]

    def _health_of_rates(self):
        """Return lines about bounces and complaints when there is mail to judge by."""
        outcome = self._recent_outcome()
        lines = []
        if outcome.tried >= ENOUGH_FOR_BOUNCES:
            lines.append(self._health_of_bounces(outcome))
        if outcome.arrived >= ENOUGH_FOR_COMPLAINTS:
            lines.append(self._health_of_complaints(outcome))
        if lines or not outcome.tried:
            return lines
        text = self.env._(
            "Too little mail to judge bounces and complaints: %(count)s recipients in "
            "%(days)s days, and it takes %(enough)s.",
            count=outcome.tried,
            days=RATE_DAYS,
            enough=ENOUGH_FOR_BOUNCES,
        )
        return [HealthLine("info", self.env._("Bounces"), text)]

    def _health_of_bounces(self, outcome):
        text = self.env._(
            "%(rate)s %% of %(count)s recipients in %(days)s days. Mailgun disables "
            "domains that bounce too much, from about %(limit)s %% on.",
            rate=f"{outcome.bounce_rate:.1f}",
            count=outcome.tried,
            days=RATE_DAYS,
            limit=f"{BOUNCES_LIMIT:.0f}",
        )
        level = _level(outcome.bounce_rate, BOUNCES_WARNING, BOUNCES_LIMIT)
        remedy = self.env._(
            "Open Mailgun Deliveries, favorite “Bounces by reason and recipient's "
            "domain”; correct the addresses, and write to nobody who did not ask."
        )
        return HealthLine(
            level, self.env._("Bounces"), text, "" if level == "ok" else remedy
        )

    def _health_of_complaints(self, outcome):
        text = self.env._(
            "%(rate)s %% of %(count)s delivered mails in %(days)s days were reported "
            "as spam. Google wants less than %(goal)s %%; from %(limit)s %% on, Google "
            "and Yahoo take mail for spam. Gmail does not tell Mailgun who complained: "
            "see Google's Postmaster Tools.",
            rate=f"{outcome.complaint_rate:.2f}",
            count=outcome.arrived,
            days=RATE_DAYS,
            goal=f"{COMPLAINTS_GOAL:.2f}",
            limit=f"{COMPLAINTS_LIMIT:.2f}",
        )
        level = _level(outcome.complaint_rate, COMPLAINTS_WARNING, COMPLAINTS_LIMIT)
        remedy = self.env._(
            "Open Mailgun Deliveries, filter “Reported as spam”: stop the mailing that "
            "they complain about, and let everybody unsubscribe by one click."
        )
        return HealthLine(
            level, self.env._("Complaints"), text, "" if level == "ok" else remedy
        )


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


def _level(rate, warning, limit):
    if rate >= limit:
        return "error"
    return "warning" if rate >= warning else "ok"
