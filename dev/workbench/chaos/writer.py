"""The world outside: writes mail in bursts, whatever happens to the servers."""

import random
import threading
import time
from collections.abc import Sequence

from ..servers.sandbox_client import SandboxClient
from .letters import Letter

_BURST = 12
# Mails a second, on average.
_RATE = 6
# Of the mails: posted again with the same signature, or with another one because two
# routes forward them.
_REPEATED = 0.25
_SIGNED_AGAIN = 0.1


class Writer(threading.Thread):
    """Gives all letters to the local Mailgun, which posts them to Odoo.

    :param url: of the local Mailgun
    :param letters: all with recipients there
    :param chance: decides on bursts and repetitions
    """

    def __init__(self, url: str, letters: Sequence[Letter], chance: random.Random):
        super().__init__(daemon=True)
        self.written = 0
        self.repeated = 0
        self.signed_again = 0
        self.error: Exception | None = None
        self._sandbox = SandboxClient(url)
        self._letters = letters
        self._chance = chance
        self._posts: list[int] = []

    def run(self) -> None:
        """Write everything."""
        try:
            left = list(self._letters)
            while left:
                count = self._chance.randint(1, _BURST)
                burst, left = left[:count], left[count:]
                for letter in burst:
                    self._write(letter)
                time.sleep(self._chance.uniform(0, 2 * len(burst) / _RATE))
        except Exception as error:  # noqa: BLE001  shown by whoever waits for it
            self.error = error

    def repeat_some(self) -> int:
        """Repeat posts that were made long ago; return how many."""
        chosen = self._chance.sample(self._posts, len(self._posts) // 10)
        for post in chosen:
            self._repeat(post)
        return len(chosen)

    def _write(self, letter: Letter) -> None:
        self._deliver(letter)
        if self._chance.random() < _REPEATED:
            self._repeat(self._chance.choice(self._posts))
        if self._chance.random() < _SIGNED_AGAIN:
            self._deliver(letter)
            self.signed_again += 1
        self.written += 1

    def _deliver(self, letter: Letter) -> None:
        recipients = list(letter.recipients)
        self._chance.shuffle(recipients)
        self._posts += self._sandbox.deliver(letter.raw, letter.sender, recipients)

    def _repeat(self, post: int) -> None:
        self._sandbox.repeat(post)
        self.repeated += 1
