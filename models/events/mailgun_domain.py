import logging

from odoo import api, fields, models
from odoo.fields import Domain

from ...tools.errors import MailgunError, NotUnderstood, TransientError
from ..domain.alarms import Trouble
from ..domain.health import LATE, MAX_REASONS, HealthLine, first_line
from ..transactions.budget import Budget
from ..transactions.own_cursor import committed, own_cursor
from ..transactions.words import in_words
from .event_queue import FAILED, PENDING

_logger = logging.getLogger(__name__)

# Seconds that somebody who pressed a button waits at the most.
_PATIENCE = 45


class MailgunDomain(models.Model):
    """What became of mail: events that tell, and events that are asked for."""

    _inherit = "mailgun.domain"

    # === ALARM === #

    def _troubles(self):
        found = super()._troubles()
        for line in self._health_of_late_events():
            since = self._oldest_event_at()
            found.append(Trouble("events", line.text, line.remedy, since=since))
        line = self._health_of_events()
        if self.webhook_found and line.level == "warning":
            found.append(Trouble("silence", line.text, line.remedy))
        return found

    def _last_taken_at(self):
        taken = (super()._last_taken_at(), self._last_event_at())
        return max(filter(None, taken), default=False)

    # === HEALTH === #

    def _health_of_traffic(self):
        return [
            *super()._health_of_traffic(),
            self._health_of_events(),
            *self._health_of_rates(),
            *self._health_of_late_events(),
            *self._health_of_failed_events(),
        ]

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
        oldest = self._oldest_event_at()
        if not oldest or fields.Datetime.now() - oldest <= LATE:
            return []
        return [
            HealthLine(
                "error",
                self.env._("Waiting events"),
                self.env._(
                    "%(count)s events, the oldest since %(when)s.",
                    count=self.env["mailgun.event"].search_count(
                        self._events_listed(PENDING, "pending")
                    ),
                    when=self._when(oldest),
                ),
                self.env._(
                    "Bounces go unnoticed. Look whether the scheduled action “Mailgun: "
                    "apply events” is active and runs."
                ),
            )
        ]

    def _oldest_event_at(self):
        """Return since when the oldest event waits that is not applied, or False."""
        waiting = self._events_listed(PENDING, "pending")
        events = self.env["mailgun.event"]
        return events.search(waiting, order="create_date", limit=1).create_date

    def _health_of_failed_events(self):
        """Return a line for each reason, the most frequent first."""
        groups = self.env["mailgun.event"]._read_group(
            self._events_listed(FAILED, "failed"),
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

    def _events_listed(self, kind, state):
        """Return the domain of events that are not done, without looking at all.

        :param str kind: of ``mailgun.open.row``
        :param str state: of the events
        """
        listed = self.env["mailgun.open.row"].sudo()._search([("kind", "=", kind)])
        return (
            Domain("id", "in", listed.subselect("row"))
            & Domain("state", "=", state)
            & Domain("domain_id", "=", self.id)
        )

    def _last_event_at(self):
        """Return when a webhook told of something; what was asked for is no proof."""
        told = [("domain_id", "=", self.id), ("polled", "=", False)]
        row = self.env["mailgun.event"].search(told, order="occurred_at desc", limit=1)
        return row.create_date

    # === ASKING MAILGUN for what no webhook has told === #
    # Whatever is long is done piece by piece: a round has several subjects, each comes
    # in pages, and each page is committed. When the time of a run is used up, the
    # next one goes on there.

    # The subjects of the round under way that are still to be asked about.
    poll_due = fields.Json(readonly=True, copy=False)
    polled_at = fields.Datetime("Asked Mailgun On", readonly=True, copy=False)
    poll_trouble = fields.Char(readonly=True, copy=False)

    def _polls(self):
        """Return what is asked about, in this order.

        :return: by name, a method that is called with ``has_time``, which tells after
            each page whether there is time for another; it returns whether it is done
        """
        return {}

    # === A ROUND === #

    @api.model
    def _poll(self):
        """Ask for each domain; the cron's entry."""
        has_time = self._poll_pace()
        due = {domain: domain._read_alone("poll_due") for domain in self._pollable()}
        if not any(due.values()):
            for domain in due:
                due[domain] = list(domain._polls())
                domain._write_alone(poll_due=due[domain])
        for domain, names in due.items():
            if not domain._poll_round(names or [], has_time):
                return
        if "cron_id" in self.env.context:
            self.env["ir.cron"]._commit_progress(1, remaining=0)

    def _forget_original(self):
        self.write(dict.fromkeys(("poll_due", "poll_trouble", "polled_at"), False))
        return super()._forget_original()

    def _pollable(self):
        """Return the domains in use whose key may do more than send."""
        domains = self.search([("state", "=", "ready"), ("key_kind", "!=", "sending")])
        return domains.filtered(lambda domain: not domain.is_foreign)

    def _poll_pace(self):
        """Return what tells, after each page, whether there is time for another.

        In a scheduled action it reports that something was done and something is left,
        so that Odoo goes on with it soon.
        """
        if "cron_id" in self.env.context:
            cron = self.env["ir.cron"]
            return lambda: cron._commit_progress(1, remaining=1) > 0
        budget = Budget(_PATIENCE)
        return lambda: not budget.is_over

    def _poll_round(self, due, has_time):
        """Go on with the round; tell whether it came to its end.

        :param list[str] due: the subjects that are left
        :param has_time: see ``_poll_pace``
        """
        polls = self._polls()
        due = [name for name in due if name in polls]
        try:
            while due:
                if not polls[due[0]](has_time):
                    return False
                del due[0]
                self._write_alone(poll_due=due)
                if due and not has_time():
                    return False
        except MailgunError as error:
            _logger.info("Mailgun is not asked about %s now: %s", self.name, error)
            passes = isinstance(error, TransientError)
            if passes and not isinstance(error, NotUnderstood):
                self._write_alone(poll_due=[])
            else:
                trouble = in_words(self.env, error)
                self._write_alone(poll_due=[], poll_trouble=trouble)
        else:
            now = fields.Datetime.now()
            self._write_alone(poll_due=[], poll_trouble=False, polled_at=now)
        return True

    # How far something is read is written, and read, in transactions of their own: what
    # belongs to it is committed with it, and the caller's snapshot is an older one.

    def _read_alone(self, name):
        """Return the value of a field as it is committed now."""
        with own_cursor(self.env.registry) as env:
            return env["mailgun.domain"].browse(self.id)[name]

    def _write_alone(self, **values):
        """Write fields and commit."""
        committed(
            self.env.registry,
            lambda env: env["mailgun.domain"].browse(self.id).write(values),
        )
        self.invalidate_recordset(values)
