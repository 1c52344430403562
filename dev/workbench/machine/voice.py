"""Lines of progress, and signs of life where there are none for long."""

import time

_SILENCE = 15


class Voice:
    """Prints lines; knows when it printed the last one."""

    def __init__(self):
        self._last = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line of progress."""
        self._last = time.monotonic()
        print(f"   {text}", flush=True)

    def alive(self, doing: str) -> None:
        """Print what is being done if nothing was printed for a while."""
        if time.monotonic() - self._last > _SILENCE:
            self.say(f"... {doing}")
