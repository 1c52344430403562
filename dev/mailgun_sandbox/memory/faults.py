"""What goes wrong on purpose, so that a test can see what its program makes of it."""

import random
from collections import deque
from dataclasses import dataclass, field

# Of the proxy in front of Mailgun, when it had trouble with Mailgun.
PROXY = range(520, 530)
# Obeyed: the answer never arrives, has another status, or does not name the message.
OBEYED = ("lost", 201, "no id")
# HTTP statuses, and the connection that is closed before the request is obeyed.
ANSWERS = (402, 420, 429, 500, 502, *PROXY, "closed", *OBEYED)


@dataclass
class Fault:
    """Requests that are answered late, wrongly, or not at all.

    :param path: how the part of the URL behind the domain begins, e.g. "messages"
    :param method: only these, "" for all
    :param delay: seconds that such a request waits first
    :param answer: one of ANSWERS; None obeys
    :param words: Mailgun's, as JSON, for whatever status ``answer`` is then
    :param obeyed: the request is obeyed first, and then answered so
    :param count: how many requests are left to fail; None = all
    :param probability: that a request fails; the same ``seed``, the same sequence
    :param per_second: only requests above that rate fail, with 429 if nothing is said
    :param retry_after: seconds that 420 and 429 speak of
    :ivar struck: how many requests waited for it, or were answered by it
    """

    path: str = ""
    method: str = ""
    delay: float = 0.0
    answer: int | str | None = None
    words: str = ""
    obeyed: bool = False
    count: int | None = None
    probability: float = 1.0
    seed: int = 0
    per_second: int = 0
    retry_after: int = 120
    struck: int = field(default=0, init=False)

    def __post_init__(self):
        if self.per_second and self.answer is None:
            self.answer = 429
        known = ANSWERS if not self.words else range(300, 600)
        if self.answer is not None and self.answer not in known:
            raise ValueError(f"answer is one of {known}")
        self._random = random.Random(self.seed)
        self._passed: deque[float] = deque()

    def strikes(self, path: str, method: str, now: float) -> bool:
        """Tell whether a request fails, and count it.

        :param now: in seconds, of any clock
        """
        if not path.startswith(self.path) or self.method not in ("", method):
            return False
        if self.count == 0 or self._random.random() >= self.probability:
            return False
        if self.per_second and self._has_room(now):
            return False
        if self.count is not None:
            self.count -= 1
        return True

    def _has_room(self, now: float) -> bool:
        while self._passed and self._passed[0] <= now - 1:
            self._passed.popleft()
        if len(self._passed) >= self.per_second:
            return False
        self._passed.append(now)
        return True


@dataclass
class Faults:
    """Everything that goes wrong at present.

    :param event_lag: seconds until the events API shows what happened
    :param duplicate_events: every event is posted twice, with one signature
    :param reverse_events: seconds that events are held, to be posted newest first
    :param rewrite_ids: answers and events have another Message-Id than the message
    """

    requests: list[Fault] = field(default_factory=list)
    event_lag: float = 0.0
    duplicate_events: bool = False
    reverse_events: float = 0.0
    rewrite_ids: bool = False


def parse(wish: dict) -> Faults:
    """Read what shall go wrong.

    :raise ValueError: for what there is not
    """
    try:
        requests = [Fault(**one) for one in wish.get("requests", [])]
        return Faults(**{**wish, "requests": requests})
    except (AttributeError, TypeError) as error:
        raise ValueError(str(error)) from error
