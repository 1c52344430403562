"""From when on the server counts the time that a job may take."""

import threading
import time

from odoo.service.server import WorkerCron

from .server_stop import server


def restart_clock():
    """Let the time limit of a cron worker count from now.

    It counts from before the worker went to sleep until a job was due, which is up to
    70 seconds (service/server.py, ``Worker._runloop``): with the usual limit of two
    minutes a job is killed after 50 seconds then.
    """
    worker = server()
    if isinstance(worker, WorkerCron):
        worker.multi.pipe_ping(worker.watchdog_pipe)


def seconds_running():
    """Return for how long a threaded server has counted the time of this thread."""
    begun = getattr(threading.current_thread(), "start_time", None)
    return time.time() - begun if begun else 0.0
