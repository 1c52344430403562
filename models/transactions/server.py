"""Knowing that the server is about to stop, and letting it wait for what is under way.

A threaded server waits one second for its requests and then takes the database away
(service/server.py, ``ThreadedServer.stop``). A mail that Mailgun takes in that moment
would be in doubt, so the server is held up until what is under way has ended.
"""

import contextlib
import signal
import threading
import time

from odoo.service.server import CommonServer, WorkerCron

from ...const import API_TIMEOUT

# Seconds in which whoever has just ended something may begin the next, last thing.
_LINGER = 0.5

_changed = threading.Condition()

_under_way = 0


def server():
    """Return the server, or the worker of one, that this process runs.

    The handler of SIGINT belongs to it.
    """
    return getattr(signal.getsignal(signal.SIGINT), "__self__", None)


def is_stopping():
    """Tell whether this process was asked to end."""
    owner = server()
    return bool(getattr(owner, "quit_signals_received", 0)) or not getattr(
        owner, "alive", True
    )


@contextlib.contextmanager
def holding_up():
    """Let the server wait for what is done here, for as long as a request may take."""
    _count(1)
    try:
        yield
    finally:
        _count(-1)


def _count(difference):
    global _under_way
    with _changed:
        _under_way += difference
        _changed.notify_all()


def _wait():
    deadline = time.monotonic() + API_TIMEOUT
    with _changed:
        is_busy = _under_way > 0
        while is_busy and (left := deadline - time.monotonic()) > 0:
            if _under_way:
                _changed.wait(left)
            else:
                is_busy = _changed.wait(_LINGER)


CommonServer.on_stop(_wait)


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
