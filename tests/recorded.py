"""Answers of the real Mailgun, as they were recorded, documented or reported.

``answers/*.json`` keep them as they are, with their source and date; only names are
replaced. A new one goes there first, and then the code learns it.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "answers"


@dataclass(frozen=True)
class Recorded:
    """One answer, and what it was the answer to.

    :param kind: "recorded" from the service, "documented" by the vendor, "reported"
    """

    name: str
    kind: str
    source: str
    date: str
    method: str
    path: str
    status: int
    headers: dict
    body: str

    def queue(self, mailgun) -> None:
        """Have a ``LocalMailgun`` give it next."""
        headers = dict(self.headers)
        headers.setdefault("Content-Type", "application/json")
        mailgun.answer(self.status, self.body.encode(), headers)


@cache
def recorded(part: str) -> dict[str, Recorded]:
    """Return the answers of one file, by name."""
    given = json.loads((_FOLDER / f"{part}.json").read_text("utf-8"))
    return {one["name"]: Recorded(**one) for one in given}
