"""What the mails of one batch share while they are sent, in whichever thread."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from odoo import api, fields, models

from ...const import FAILURES_PER_BATCH
from ...tools.errors import LimitReached, SettingError, TransientError, UnsettledError
from ..transactions.budget import Budget
from ..transactions.server import holding_up, restart_clock
from .outgoing_session import SendingPolicy

# Seconds between two reports of progress.
_REPORT_EVERY = 5

#: Context key: the :class:`QueueProgress` of a run of the queue.
PROGRESS = "mailgun_queue_progress"


class QueueProgress:
    """Tells the scheduler what a run of the queue has done, from the main thread.

    :param mails: ``mail.mail``, in the environment of the cron
    :ivar Budget budget: of the run
    """

    def __init__(self, mails):
        self.budget = Budget.of_server(mails.env.context)
        self._mails = mails
        self._env = mails.env
        self._seen = set()
        self._new = 0
        self._total = 0
        self._reported_at = 0.0
        self._progress = (
            self._env["ir.cron.progress"]
            .sudo()
            .browse(self._env.context["ir_cron_progress_id"])
        )

    def forgive_kills(self):
        """Have a run that is killed count as nothing, instead of as one that failed."""
        self._progress.timed_out_counter = 0
        self._env.cr.commit()

    def report(self, ids, callback):
        """Note mails that were dealt with, and report them now and then.

        :param list ids: perhaps known already
        :param callback: core's own, or None
        """
        before = self._progress.done
        if callback:
            callback(ids)
        new = set(ids) - self._seen
        self._seen |= new
        self._total += len(new)
        # Should core come to report what its callback is told, that is enough.
        self._new += 0 if self._progress.done != before else len(new)
        if time.monotonic() - self._reported_at >= _REPORT_EVERY:
            self._commit(self._left())

    def end(self):
        """Report the rest, and have what is left taken up at once.

        Where nothing could be done others are at it: a minute later is soon enough.
        Where time or CPU is used up the job has to end; only the next one has new.
        """
        left = self._left()
        cron = self._env.ref("mail.ir_cron_mail_scheduler_action").sudo()
        is_used_up = self.budget.is_used_up
        if left and (self._total or is_used_up):
            # The scheduler goes on by itself a few times only, and then looks around
            # once in a minute.
            cron._trigger()
        elif left:
            cron._trigger(fields.Datetime.now() + timedelta(minutes=1))
        goes_on = self._total and not is_used_up
        self._commit(left if goes_on else 0)

    def _commit(self, left):
        self._env["ir.cron"]._commit_progress(self._new, remaining=left)
        self._new = 0
        self._reported_at = time.monotonic()

    def _left(self):
        return self._mails.search_count(self._mails._mailgun_due())


@dataclass
class SendingRun:
    """How a batch is sent, and whether it goes on.

    :param through_core: core's ``_send``, called with mail, session and options
    :param options: for core's ``_send``: ``alias_domain_id``, ``mail_server``,
        ``raise_exception``
    :param SendingPolicy policy: of the domain that it leaves by
    :param budget: after which no other mail is begun
    """

    through_core: Callable
    options: dict
    policy: SendingPolicy
    budget: Budget
    #: Why no other mail of the batch is tried.
    stopped_by: Exception | None = None
    #: Minutes for which the queue was woken up already.
    wakings: set = field(default_factory=set)
    _failures: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, env, session):
        """Stop if the server is gone; a transaction that has begun keeps it.

        :param odoo.api.Environment env: of the transaction
        :param OutgoingSession session: of this thread
        """
        try:
            session.check_server(env)
        except SettingError as error:
            self.note(error)

    def send(self, mail, session):
        """Let core send one mail.

        :param mail: in the environment of this thread
        :param OutgoingSession session: of this thread
        """
        # A record belongs to one transaction only.
        server = self.options["mail_server"]
        mine = {"mail_server": server and server.with_env(mail.env)}
        self.through_core(mail, session, **{**self.options, **mine})

    @property
    def is_over(self):
        """Tell whether the rest has to stay for another run."""
        return self.stopped_by is not None or self.budget.is_over

    def note(self, error):
        """Let the outcome of a mail decide about the rest of the batch.

        What holds for the whole domain, a setting or a limit, stops it; trouble that
        may be that of one request does when it does not end.

        :param ApiError error: why a mail was not taken, or None
        """
        with self._lock:
            if isinstance(error, UnsettledError):
                # Mailgun was not asked; a server that was killed leaves several such.
                return
            if isinstance(error, SettingError | LimitReached):
                self.stopped_by = error
            elif not isinstance(error, TransientError):
                self._failures = 0
            else:
                self._failures += 1
                if self._failures >= FAILURES_PER_BATCH:
                    self.stopped_by = error

    def is_new_waking(self, moment):
        """Tell whether nobody has woken the queue for a minute yet, and note it."""
        with self._lock:
            known = moment in self.wakings
            self.wakings.add(moment)
            return not known


class MailMail(models.Model):
    """Core's queue, continued at once when more is waiting, and after a crash.

    Core sends a thousand mails in an hour: it means to report progress and looks for a
    model that does not exist (mail_mail.py, ``process_email_queue``). A server that is
    killed three times while it sends has failed for another hour then (ir_cron.py,
    ``_process_job``).
    """

    _inherit = "mail.mail"

    @api.model
    def process_email_queue(self, email_ids=(), batch_size=1000):
        if email_ids or not self._mailgun_is_queue_run():
            return super().process_email_queue(email_ids, batch_size=batch_size)
        restart_clock()
        progress = QueueProgress(self)
        progress.forgive_kills()
        result = super(
            MailMail, self.with_context(**{PROGRESS: progress})
        ).process_email_queue(email_ids, batch_size=batch_size)
        with holding_up():
            progress.end()
        return result

    def _mailgun_is_queue_run(self):
        """Tell whether the cron is at it, and there is a server of ours."""
        servers = self.env["ir.mail_server"].sudo()
        return "ir_cron_progress_id" in self.env.context and servers.search_count(
            [("smtp_authentication", "=", "mailgun")], limit=1
        )

    def _mailgun_budget(self):
        """Return what is left for sending."""
        progress = self.env.context.get(PROGRESS)
        return progress.budget if progress else Budget.of_server(self.env.context)

    def _mailgun_report_to(self, callback):
        """Return what is called with the ids of mails that were dealt with."""
        progress = self.env.context.get(PROGRESS)
        if not progress:
            return callback or (lambda ids: None)
        return lambda ids: progress.report(ids, callback)
