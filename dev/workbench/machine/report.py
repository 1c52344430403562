"""What a run of ``dev/test`` found: lines as it goes, one line to close it."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator

import psycopg2

from .voice import Voice


class Report(Voice):
    """Counts checks and prints each one that matters."""

    def __init__(self):
        super().__init__()
        self._passed = 0
        self._skipped = 0
        self._failed: list[str] = []
        self._part = ""

    def say(self, text: str) -> None:
        """Print a line of progress, past those who catch what a test prints."""
        with contextlib.redirect_stdout(sys.__stdout__):
            super().say(text)

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Everything reported in this context belongs to the part ``name``."""
        self._part = name
        started = time.monotonic()
        print(f"== {name}", flush=True)
        try:
            yield
        except (OSError, subprocess.SubprocessError, psycopg2.Error) as error:
            self.failed("could not run", f"{type(error).__name__}: {error}")
        print(f"   {name}: {time.monotonic() - started:.1f} s", flush=True)

    def passed(self, what: str, count: int = 1) -> None:
        """Count successes and name them."""
        self._passed += count
        self.say(f"ok      {what}")

    def failed(self, what: str, output: str, count: int = 1) -> None:
        """Count failures, name them and show what was printed."""
        self._failed += [f"{self._part}: {what}"] * count
        self.say(f"FAILED  {what}")
        for line in output.splitlines():
            print(f"        {line}", file=sys.__stdout__, flush=True)

    def skipped(self, what: str, reason: str, count: int = 1) -> None:
        """Count what could not be checked, and say why."""
        self._skipped += count
        self.say(f"skipped {what}: {reason}")

    def check(self, what: str, problems: str) -> None:
        """Count one check: passed when there are no problems."""
        if problems:
            self.failed(what, problems)
        else:
            self.passed(what)

    def close(self) -> int:
        """Print what failed, then the closing line.

        :return: the exit code
        """
        if self._failed:
            print("\nFailed:")
            for what in dict.fromkeys(self._failed):
                print(f"  {what}")
        skipped = f", {self._skipped} skipped" if self._skipped else ""
        print(
            f"\n{self._passed} passed, {len(self._failed)} failed{skipped}", flush=True
        )
        return 1 if self._failed else 0
