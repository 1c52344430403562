import time
from datetime import timedelta

from odoo import api, fields, models

from .sending_run import deadline_of
from .server_clock import restart_clock
from .server_stop import holding_up

# Seconds between two reports of progress.
_REPORT_EVERY = 5


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

    def _mailgun_report_to(self, callback):
        """Return what is called with the ids of mails that were dealt with."""
        progress = self.env.context.get(PROGRESS)
        if not progress:
            return callback or (lambda ids: None)
        return lambda ids: progress.report(ids, callback)


#: Context key: the :class:`QueueProgress` of a run of the queue.
PROGRESS = "mailgun_queue_progress"


class QueueProgress:
    """Tells the scheduler what a run of the queue has done, from the main thread.

    :param mails: ``mail.mail``, in the environment of the cron
    """

    def __init__(self, mails):
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

        Where nothing could be done others are at it, unless the time was up: then a
        moment later is soon enough.
        """
        left = self._left()
        cron = self._env.ref("mail.ir_cron_mail_scheduler_action").sudo()
        is_time_up = time.monotonic() >= deadline_of(self._env.context)
        if left and not self._total and not is_time_up:
            cron._trigger(fields.Datetime.now() + timedelta(minutes=1))
            left = 0
        elif left:
            # The scheduler goes on by itself a few times only, and then looks around
            # once in a minute.
            cron._trigger()
        self._commit(left)

    def _commit(self, left):
        self._env["ir.cron"]._commit_progress(self._new, remaining=left)
        self._new = 0
        self._reported_at = time.monotonic()

    def _left(self):
        return self._mails.search_count(self._mails._mailgun_due())
