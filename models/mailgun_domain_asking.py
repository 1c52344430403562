import contextlib
import logging
import time

from odoo import api, fields, models

from ..tools.errors import MailgunError, SettingError, TransientError
from .own_cursor import own_cursor
from .short_transaction import committed

_logger = logging.getLogger(__name__)

# Seconds that somebody who pressed a button waits at the most.
_PATIENCE = 45


class MailgunDomain(models.Model):
    """Asks Mailgun now and then for what no webhook has told.

    Whatever is long is done piece by piece: a round has several subjects, each subject
    comes in pages, and each page is committed. When the time of a run is used up, the
    next one goes on there.
    """

    _inherit = "mailgun.domain"

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
        deadline = time.monotonic() + _PATIENCE
        return lambda: time.monotonic() < deadline

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
        except TransientError as error:
            _logger.info("Mailgun is not asked about %s now: %s", self.name, error)
            self._write_alone(poll_due=[])
        except MailgunError as error:
            self._write_alone(poll_due=[], poll_trouble=str(error))
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

    @contextlib.contextmanager
    def _open_reader(self):
        """Give a client for reading what happened, or say why the key is none for it.

        :return: a ``MailgunClient``
        :raise MailgunError: see ``_open_client``, and what the client raises
        """
        try:
            with self._open_client() as client:
                yield client
        except SettingError as error:
            if error.status not in (401, 403):
                raise
            raise SettingError(
                self.env._(
                    "The key of %s may not read Mailgun's events and suppressions: it "
                    "is a sending key, or its role forbids it. Enter an API key with "
                    "the role Admin.",
                    self.name,
                ),
                error.status,
                error.detail,
            ) from error
