"""What PostgreSQL was asked for, by its own log."""

import contextlib
import os
import re
from collections.abc import Iterator

from ..machine import postgres
from ..servers.sentences import NotChecked

# The name by which Odoo's connections can be told from those of the lab.
_OURS = "odoo-"
_LOGGED = {"log_statement": "all", "log_line_prefix": "%m [%p] %a: "}
_ENTRY = re.compile(r"^\d{4}-\d\d-\d\d \S+ \w+ \[\d+\] ", re.MULTILINE)
# What psycopg2 and Odoo's pool say between statements.
_BETWEEN = ("BEGIN", "COMMIT", "ROLLBACK", "DISCARD", "SET default_transaction")
_STATEMENT = re.compile(rf"{_OURS}\S*: LOG:  statement: (.*)", re.DOTALL)


@contextlib.contextmanager
def logged(postgres_env: dict[str, str]) -> Iterator[list[str]]:
    """Have the statements of all of Odoo's connections logged meanwhile.

    What is sent to PostgreSQL as one counts as one, and what begins and ends
    transactions is left out, as in Odoo's own count of queries.

    :param postgres_env: what ``postgres.running`` returned
    :return: a list that has them at the end
    :raise NotChecked: the server is not ours, so neither is its log
    """
    if os.environ.get("PGHOST"):
        raise NotChecked("PGHOST names a server whose log is not here")
    log, found = postgres.log_file(), []
    _configure(postgres_env, "ALTER SYSTEM SET {} = '{}'")
    offset = log.stat().st_size
    try:
        yield found
    finally:
        _configure(postgres_env, "ALTER SYSTEM RESET {}")
        with log.open(errors="replace") as handle:
            handle.seek(offset)
            entries = _ENTRY.split(handle.read())
        said = [match[1] for match in map(_STATEMENT.match, entries) if match]
        found += [one for one in said if not one.startswith(_BETWEEN)]


def _configure(postgres_env: dict[str, str], order: str) -> None:
    """Change what is logged, for connections that are open as well."""
    admin = {**postgres_env, "PGUSER": "postgres"}
    for name, value in _LOGGED.items():
        postgres.query(admin, "postgres", order.format(name, value))
    postgres.query(admin, "postgres", "SELECT pg_reload_conf()")
