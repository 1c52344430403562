"""Knowing that the server is about to stop, and letting it wait for what is under way.

A threaded server waits one second for its requests and then takes the database away
(service/server.py, ``ThreadedServer.stop``). A mail that Mailgun takes in that moment
would be in doubt, so the server is held up until the requests under way have ended.
"""

import contextlib
import signal
import threading
import time

from odoo.service.server import CommonServer

from ..const import API_TIMEOUT

_changed = threading.Condition()
_under_way = 0


def is_stopping():
    """Tell whether this process was asked to end.

    Its handler of SIGINT belongs to the server, or to the worker of one.
    """
    owner = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
    return bool(getattr(owner, "quit_signals_received", 0)) or not getattr(
        owner, "alive", True
    )


@contextlib.contextmanager
def holding_up():
    """Let the server wait for what is done here, for as long as a request may take."""
    global _under_way
    with _changed:
        _under_way += 1
    try:
        yield
    finally:
        with _changed:
            _under_way -= 1
            _changed.notify_all()


def _wait():
    deadline = time.monotonic() + API_TIMEOUT
    with _changed:
        while _under_way and (left := deadline - time.monotonic()) > 0:
            _changed.wait(left)


CommonServer.on_stop(_wait)
