"""How much threads may carry together: a mail with files is in memory several times."""

import contextlib
import threading
from collections.abc import Callable, Iterator


class Scales:
    """Lets threads wait until there is room for what they are going to carry.

    What is heavier than the limit is carried alone.

    :param limit: bytes that all may carry together
    """

    def __init__(self, limit: int):
        self._limit = limit
        self._carried = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def carrying(
        self,
        weight: int,
        waiting: Callable[[], contextlib.AbstractContextManager],
    ) -> Iterator[None]:
        """Carry something in here.

        :param weight: bytes
        :param waiting: entered for the time in which there is no room
        """
        if not self._take(weight):
            with waiting(), self._changed:
                self._changed.wait_for(lambda: self._take(weight))
        try:
            yield
        finally:
            with self._changed:
                self._carried -= weight
                self._changed.notify_all()

    def _take(self, weight: int) -> bool:
        with self._changed:
            has_room = not self._carried or self._carried + weight <= self._limit
            if has_room:
                self._carried += weight
        return has_room
