"""What a demonstration is doing, with the time, and waiting for it."""

import time
from collections.abc import Callable

from .voice import Voice


class StepFailed(Exception):
    """Something did not come out as it should; the text says what."""


class Steps(Voice):
    """Prints steps with the seconds since the start, and what they found."""

    def __init__(self):
        super().__init__()
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """Print a step."""
        super().say(f"{time.monotonic() - self._started:5.1f} s  {text}")

    def found(self, **values) -> None:
        """Print what a step found."""
        for name, value in values.items():
            print(f"            {name.replace('_', ' '):<14} {value}", flush=True)

    def wait_for(self, what: str, find: Callable, timeout: float = 60):
        """Call ``find`` until it returns something, and return that.

        :param what: completes "waiting for ..."
        :raise StepFailed: when it took too long
        """
        ends = time.monotonic() + timeout
        while not (found := find()):
            if time.monotonic() > ends:
                raise StepFailed(f"waited {timeout:.0f} s for {what}, in vain")
            self.alive(f"waiting for {what}")
            time.sleep(0.1)
        return found


class StepsOf(Steps):
    """Speaks through a report, which knows when it spoke last."""

    def __init__(self, report: Voice):
        super().__init__()
        self.say, self.alive = report.say, report.alive
