"""Odoo's log, read line by line: tests, and what should not have been logged."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ \d+ "
    r"(?P<level>[A-Z]+) \S+ (?P<logger>[\w.]+): (?P<text>.*)$",
    re.DOTALL,
)
_BAD = {"WARNING", "ERROR", "CRITICAL"}

# What Odoo and Python log about themselves; nobody can repair it here.
# (logger, pattern at the beginning of the text, why it is none of our business)
NOISE = (
    (
        "py.warnings",
        r"(?!.*/addons/mail_mailgun/).*Warning: ",
        "the first line names the file that Python warns about, and it is not ours",
    ),
    (
        "odoo.tests.result",
        r"\d+ failed, \d+ error\(s\) of \d+ tests",
        "the sum of what was said about each failed test",
    ),
    (
        "odoo.modules.loading",
        r"Module \w+: \d+ failures, \d+ errors of|At least one test failed",
        "the same",
    ),
)


@dataclass
class Record:
    """One entry of the log, further lines included."""

    level: str
    logger: str
    text: str

    @property
    def is_trouble(self) -> bool:
        """Tell whether somebody has to look at it."""
        return self.level in _BAD and not any(
            self.logger == logger and re.match(pattern, self.text)
            for logger, pattern, _why in NOISE
        )

    def __str__(self) -> str:
        return f"{self.level} {self.logger}: {self.text.rstrip()}"


def read(log: Path, begin: int = 0) -> list[Record]:
    """Return the entries of a log.

    :param begin: where to begin, in bytes
    """
    found: list[Record] = []
    reader = Reader(found.append)
    with log.open("rb") as file:
        file.seek(begin)
        for line in file:
            reader.feed(line.decode(errors="replace"))
    reader.close()
    return found


class Reader:
    """Puts lines together to records.

    :param on_record: called with each record once it is complete
    """

    def __init__(self, on_record: Callable[[Record], None]):
        self._on_record = on_record
        self._record: Record | None = None

    def feed(self, line: str) -> None:
        """Take the next line of the log."""
        if found := _LINE.match(line):
            self.close()
            self._record = Record(**found.groupdict())
        elif self._record:
            self._record.text += line

    def close(self) -> None:
        """Hand over the last record."""
        if self._record:
            self._on_record(self._record)
            self._record = None
