"""The bodies of posts in memory: no more of them at once than this process can hold.

Whoever posts need not prove who he is before the body was read, for the signature is in
it. So what strangers can make a server hold is limited, and mail that finds no room is
asked to come again: Mailgun repeats for 8 hours.
"""

import contextlib
import io
import threading
import time
from collections.abc import Iterable, Iterator
from typing import BinaryIO

# Bytes read at a time.
_STEP = 256 * 1024


def joined(chunks: Iterable[bytes], most: int) -> bytes:
    """Return chunks in one piece, made where it stays.

    What grows is copied now and then, and leaves holes in memory where it was.

    :param chunks: that are made one after the other
    :param most: about how many bytes they have together, better too many
    """
    room = io.BytesIO()
    room.seek(most)
    room.write(b"\0")
    room.seek(0)
    room.writelines(chunks)
    room.truncate()
    return room.getvalue()


class NoRoom(Exception):
    """Other bodies take all the memory there is for bodies."""


class Bodies:
    """The bodies that are in memory now, together.

    Only what was received counts, not what was announced: who sends slowly holds
    little. A body that is alone may have any size; how big one may be is somebody
    else's rule.

    :param most: bytes of all of them
    :param free: bytes that each may have beside that
    :param patience: seconds that one waits for others to go
    """

    def __init__(self, most: int, free: int, patience: float):
        self._most = most
        self._free = free
        self._patience = patience
        self._held = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def read(self, stream: BinaryIO) -> Iterator[bytearray]:
        """Read a body to its end, and keep it while the context lasts.

        :param stream: which ends where the body does
        :raise NoRoom: it would be too much
        """
        body, taken = bytearray(), 0
        try:
            while chunk := stream.read(_STEP):
                more = max(len(body) + len(chunk) - self._free, 0) - taken
                if more > 0:
                    self._take(more, taken)
                    taken += more
                body += chunk
            yield body
        finally:
            self._give_back(taken)

    def _take(self, count: int, own: int) -> None:
        """Wait until ``count`` more bytes fit beside the ``own`` that are here."""
        deadline = time.monotonic() + self._patience
        with self._changed:
            while self._held > own and self._held + count > self._most:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise NoRoom
                self._changed.wait(left)
            self._held += count

    def _give_back(self, count: int) -> None:
        if not count:
            return
        with self._changed:
            self._held -= count
            self._changed.notify_all()
