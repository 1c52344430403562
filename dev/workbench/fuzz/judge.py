"""What must not happen, whatever is posted."""

import collections
import itertools
import time
from collections.abc import Iterator

from mailgun_sandbox.traffic import signing

from ..servers.odoo_log import Reader, Record
from . import wire
from .posts import GOOD, Post
from .stage import SIGNING_KEY, Stage

_BAD = ("ERROR", "CRITICAL")
_OURS = "odoo.addons.mail_mailgun"
_HOUR = 3600


class Broken(Exception):
    """A promise was not kept; the text says which."""


class Judge:
    """Posts, and looks at the answer and at what was logged.

    :param stage: where
    """

    def __init__(self, stage: Stage):
        self._stage = stage
        self._log = stage.odoo.log.open("rb")
        self._log.seek(0, 2)
        self._numbers = itertools.count(1)
        #: How many posts were answered in which way.
        self.answers: collections.Counter = collections.Counter()
        #: The tokens of signatures that were good.
        self.tokens: set[str] = set()

    def post(self, post: Post) -> None:
        """Post something.

        :raise Broken: a promise was not kept
        """
        signed = self._sign(post)
        body = post.write(signed)
        status = wire.send(
            self._stage.address, post.path, post.headers, body, post.frame
        )
        self.answers[post.path, status] += 1
        problems = [
            *_problems_of_answer(post, len(body), status),
            *_problems_of_log(post, self.new_records()),
        ]
        if problems:
            raise Broken("\n".join([*problems, repr(post)[:5000]]))

    def new_records(self) -> list[Record]:
        """Return what was logged since it was asked for the last time."""
        found: list[Record] = []
        reader = Reader(found.append)
        for line in self._log:
            reader.feed(line.decode("utf-8", "replace"))
        reader.close()
        return found

    def _sign(self, post: Post) -> dict[str, object]:
        if post.signed == "none":
            return {}
        moved = {"old": -25 * _HOUR, "future": _HOUR}.get(post.signed, 0)
        timestamp = str(int(time.time()) + moved)
        token = f"{next(self._numbers):050d}"
        key = "wrong" if post.signed in ("other key", "parent") else SIGNING_KEY
        signed = signing.sign(key, timestamp, token)
        if post.signed == "parent":
            parent = signing.sign(SIGNING_KEY, timestamp, token)["signature"]
            signed["parent-signature"] = parent
        if _is_believable(post):
            self.tokens.add(token)
        return {**signed, **post.odd}


def _is_believable(post: Post) -> bool:
    return post.signed in (GOOD, "parent")


def _problems_of_answer(post: Post, length: int, status: int | None) -> Iterator[str]:
    # An answer may be lost where more was sent than was to be read.
    if status is None and post.frame == "length" and length < 1_000_000:
        yield "there was no answer"
    if status and status >= 500:
        yield f"the answer was {status}"
    if status == 200 and not _is_believable(post):
        yield "it was believed"


def _problems_of_log(post: Post, records: list[Record]) -> Iterator[str]:
    for record in records:
        if record.level in _BAD or "\n" in record.text.rstrip("\n"):
            yield f"this was logged: {record}"
    ours = [record for record in records if record.logger.startswith(_OURS)]
    if len(ours) > 1 and not _is_believable(post):
        yield f"{len(ours)} lines were logged: {ours}"
