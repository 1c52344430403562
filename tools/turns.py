"""Turns at computing, which threads give away while they wait for the network.

Python computes in one thread at a time. Threads that all want to go on, with each
answer of the database anew, keep one another from it: sixteen of them send a sixth
fewer mails than eight, where the network has no delay (``dev/bench out``).
"""

import contextlib
import threading
from collections.abc import Iterator


class Turns:
    """How many threads compute at a time.

    :param count: as many
    :param patience: seconds that a thread waits for its turn; then it goes on without
        one. It may hold a lock of the database that those wait for whose turn it is.
    """

    def __init__(self, count: int, patience: float):
        self._free = threading.Semaphore(count)
        self._patience = patience

    def join(self) -> "Turn":
        """Return what one more thread computes with."""
        return Turn(self._free, self._patience)


class Turn:
    """Whether it is the turn of one thread; see :class:`Turns`."""

    def __init__(self, free: threading.Semaphore, patience: float):
        self._free = free
        self._patience = patience
        self._is_mine = False

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Compute in here."""
        self._take()
        try:
            yield
        finally:
            self._give()

    @contextlib.contextmanager
    def given(self) -> Iterator[None]:
        """Wait in here for something that takes long; within ``taken``."""
        self._give()
        try:
            yield
        finally:
            self._take()

    def _take(self) -> None:
        self._is_mine = self._free.acquire(timeout=self._patience)

    def _give(self) -> None:
        if self._is_mine:
            self._is_mine = False
            self._free.release()
