"""What the mails of one batch share while they are sent, in whichever thread."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from odoo.tools import config

from ..const import API_TIMEOUT, FAILURES_PER_BATCH
from ..tools.errors import (
    DoubtfulError,
    SettingError,
    TransientError,
    UnsettledError,
)
from .server_clock import seconds_running
from .server_stop import is_stopping

# Seconds before a time limit in which no other mail is begun, at most half of it.
_MARGIN = API_TIMEOUT + 5
# A cron job may take this long before it is asked to come to an end (ir_cron.py,
# MIN_TIME_PER_JOB); its end time is in the context, its start is not.
_CRON_SECONDS = 10


@dataclass
class SendingRun:
    """How a batch is sent, and whether it goes on.

    :param through_core: core's ``_send``, called with mail, session and options
    :param options: for core's ``_send``: ``alias_domain_id``, ``mail_server``,
        ``raise_exception``
    :param deadline: by ``time.monotonic()``, after which no other mail is begun
    :param domain_id: of the ``mailgun.domain`` that it leaves by
    """

    through_core: Callable
    options: dict
    deadline: float = float("inf")
    domain_id: int = 0
    #: Why no other mail of the batch is tried.
    stopped_by: Exception | None = None
    #: Minutes for which the queue was woken up already.
    wakings: set = field(default_factory=set)
    _failures: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

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
        return (
            self.stopped_by is not None
            or time.monotonic() >= self.deadline
            or is_stopping()
        )

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
            if isinstance(error, SettingError):
                self.stopped_by = error
            elif not isinstance(error, TransientError):
                self._failures = 0
            else:
                self._failures += 1
                is_limit = not isinstance(error, DoubtfulError) and error.status
                if is_limit or self._failures >= FAILURES_PER_BATCH:
                    self.stopped_by = error

    def is_new_waking(self, moment):
        """Tell whether nobody has woken the queue for a minute yet, and note it."""
        with self._lock:
            known = moment in self.wakings
            self.wakings.add(moment)
            return not known


def deadline_of(context):
    """Return until when mails may be begun, by ``time.monotonic()``.

    Odoo kills what takes longer than its limits (``limit_time_real_cron``,
    ``limit_time_real``); a mail that is killed half way is in doubt.

    :param dict context: of the caller
    """
    limit = config["limit_time_real"]
    now = start = time.monotonic()
    if "cron_id" in context:
        cron_limit = config["limit_time_real_cron"]
        limit = limit if cron_limit is None or cron_limit < 0 else cron_limit
        start = context.get("cron_end_time", now + _CRON_SECONDS) - _CRON_SECONDS
    # It may have done other jobs before.
    start = min(start, now - seconds_running())
    return start + limit - min(_MARGIN, limit / 2) if limit else float("inf")
