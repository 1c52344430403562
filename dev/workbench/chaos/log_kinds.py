"""Errors in Odoo's log, counted by kind."""

import re
from collections import Counter

from ..demo.demo_stage import Stage
from ..machine.steps import Steps
from ..servers import odoo_log
from ..servers.odoo_log import Record

_LEVELS = {"ERROR", "CRITICAL"}
_WIDTH = 90


def show(steps: Steps, stage: Stage, begin: int = 0) -> None:
    """Print how often which error was logged.

    :param begin: where in the log to begin, in bytes
    """
    steps.say("errors in Odoo's log")
    for kind, count in _errors(stage, begin).most_common() or [("none", 0)]:
        print(f"            {count:>5} x {kind}", flush=True)


def _errors(stage: Stage, begin: int) -> Counter[str]:
    entries = odoo_log.read(stage.log, begin)
    return Counter(_kind(entry) for entry in entries if entry.level in _LEVELS)


def _kind(record: Record) -> str:
    """Return the error without what differs each time."""
    lines = [line for line in record.text.splitlines() if line.strip()]
    # PostgreSQL's own words come after the query, Python's after the traceback.
    words = next((line for line in lines if line.startswith("ERROR:")), "")
    if not words:
        words = lines[0] if len(lines) == 1 else f"{lines[0]} ... {lines[-1]}"
    return f"{record.logger}: {re.sub('[0-9]+', 'N', words)[:_WIDTH]}"
