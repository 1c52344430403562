"""How much of the server a piece of work may still use: time, CPU, and its life."""

import time

from odoo.tools import config

from ...const import API_TIMEOUT
from .server import is_stopping, seconds_running

try:
    import resource
except ImportError:  # Windows, where Odoo limits no CPU either
    resource = None

# Seconds before a limit in which nothing else is begun, at most half of it: time for
# what is under way at Mailgun, and CPU for what all lanes still have to write.
_TIME_MARGIN = API_TIMEOUT + 5
_CPU_MARGIN = 10

# A cron job may take this long before it is asked to come to an end (ir_cron.py,
# MIN_TIME_PER_JOB); its end time is in the context, its start is not.
_CRON_SECONDS = 10


class Budget:
    """What is left when the work begins.

    Workers are killed for the CPU that they use (``limit_time_cpu``), all their threads
    together, however much time is left.

    :param float seconds: of real time, from now
    """

    def __init__(self, seconds=float("inf")):
        self._until = time.monotonic() + seconds
        used, limit = _cpu()
        self._cpu_until = limit - min(_CPU_MARGIN, (limit - used) / 2)

    @classmethod
    def of_server(cls, context):
        """Return what Odoo's limits leave to a caller.

        Odoo kills what takes longer (``limit_time_real_cron``, ``limit_time_real``).

        :param dict context: of the caller
        """
        limit, now = config["limit_time_real"], time.monotonic()
        start = now
        if "cron_id" in context:
            cron_limit = config["limit_time_real_cron"]
            limit = limit if cron_limit is None or cron_limit < 0 else cron_limit
            start = context.get("cron_end_time", now + _CRON_SECONDS) - _CRON_SECONDS
        if not limit:
            return cls()
        # It may have done other jobs before.
        start = min(start, now - seconds_running())
        return cls(start + limit - min(_TIME_MARGIN, limit / 2) - now)

    @property
    def is_used_up(self):
        """Tell whether time or CPU is at its end."""
        return time.monotonic() >= self._until or _cpu()[0] >= self._cpu_until

    @property
    def is_over(self):
        """Tell whether nothing else is to be begun, because the server ends or so."""
        return self.is_used_up or is_stopping()


def _cpu():
    """Return the seconds of CPU that this process has used, and may use."""
    if not resource:
        return 0.0, float("inf")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft, _hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = float("inf") if soft == resource.RLIM_INFINITY else soft
    return usage.ru_utime + usage.ru_stime, limit
