"""Doing something soon after it was asked for, but not each time it was asked for."""

import threading
import time
from collections.abc import Callable


class Throttle:
    """Runs an action at once, and then at most once in so many seconds.

    No call is lost: one that comes too early is answered by a run at the end of the
    interval, which serves all that come until then.

    :param seconds: the interval; 0 = each call runs it
    :param action: takes nothing; raises nothing
    """

    def __init__(self, seconds: float, action: Callable[[], None]):
        self._seconds = seconds
        self._action = action
        self._lock = threading.Lock()
        self._ready_at = 0.0
        self._is_waiting = False

    def call(self) -> None:
        """Run the action now in this thread, or soon in another."""
        with self._lock:
            if self._is_waiting:
                return
            delay = self._ready_at - time.monotonic()
            if delay > 0:
                self._is_waiting = True
                timer = threading.Timer(delay, self._run)
                timer.daemon = True
                timer.start()
                return
            self._start_interval()
        self._action()

    def _run(self) -> None:
        with self._lock:
            self._start_interval()
        self._action()

    def _start_interval(self) -> None:
        self._is_waiting = False
        self._ready_at = time.monotonic() + self._seconds
