"""PostgreSQL's own log: transactions that were not let through."""

import os
from pathlib import Path

from ..machine import postgres
from ..servers.sentences import NotChecked

_WORDS = "could not serialize"
# Two schedulers reach for one job now and then, and core lets one of them go on.
_OF_CORE = "ir_cron"


class Collisions:
    """Reads the log from one moment on.

    :param postgres_env: what ``postgres.running`` returned
    """

    def __init__(self, postgres_env: dict[str, str]):
        self._is_ours = not os.environ.get("PGHOST")
        self._log: Path = postgres.log_file() if self._is_ours else Path()
        self._offset = 0

    def begin(self) -> None:
        """Forget what was there before."""
        if self._is_ours:
            self._offset = self._log.stat().st_size

    def found(self) -> list[str]:
        """Return what was not let through since then, with the statements.

        :raise NotChecked: the server is not ours, so neither is its log
        """
        if not self._is_ours:
            raise NotChecked("PGHOST names a server whose log is not here")
        with self._log.open(errors="replace") as handle:
            handle.seek(self._offset)
            entries = handle.read().split("ERROR:")[1:]
        return [
            entry.strip()
            for entry in entries
            if _WORDS in entry and _OF_CORE not in entry
        ]
