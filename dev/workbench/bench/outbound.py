"""``dev/bench out``: mails a second by core's SMTP and by this module, side by side."""

import argparse
import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..demo import demo_stage
from ..machine.ports import HOST
from ..machine.steps import StepFailed, Steps
from ..servers import odoo_run
from ..servers.odoo_log import Record
from ..sinks.http import HttpSink
from ..sinks.listening import listening
from ..sinks.smtp import SmtpSink
from . import outbound_report, ways
from .ways import Way

_SCRIPT = Path(__file__).with_name("scripts") / "bench_out.py"
_LOGGER = "bench"
# Lanes are a fifth of these at most.
_CONNECTIONS = 5 * max(ways.LANES)
# What is judged is measured so often, the rest once. A ratio is taken from rates of
# the same round, so that a machine that gets slower meanwhile does not matter.
_ROUNDS = 5


def measure(steps: Steps, arguments: argparse.Namespace) -> bool:
    """Send in all ways and print what came of it.

    :return: whether the module is as fast as was promised
    """
    plan = [*ways.JUDGED * _ROUNDS]
    if not arguments.judged:
        plan += [way for way in ways.ALL if way not in ways.JUDGED]
    rates = {way: [] for way in plan}
    with demo_stage.database(steps) as postgres_env, _peers() as ports:
        _send(steps, postgres_env, plan, ports, rates)
    return outbound_report.show(steps, rates)


@contextlib.contextmanager
def _peers() -> Iterator[dict[tuple[str, int], int]]:
    """Run what takes the mails; return ports by way and delay."""
    sinks = {
        (by, delay): kind(delay / 1000)
        for by, kind in ((ways.SMTP, SmtpSink), (ways.MODULE, HttpSink))
        for delay in ways.DELAYS
    }
    with listening(*(sink.talk for sink in sinks.values())) as ports:
        yield dict(zip(sinks, ports, strict=True))


def _send(
    steps: Steps,
    postgres_env: dict[str, str],
    plan: Sequence[Way],
    ports: dict[tuple[str, int], int],
    rates: dict[Way, list[float]],
) -> None:
    """Have one Odoo send in all ways, one after the other."""

    def take(record: Record) -> bool:
        if record.logger != _LOGGER:
            return False
        way = plan[sum(map(len, rates.values()))]
        seconds, processor = json.loads(record.text)
        rates[way].append(way.mails / seconds)
        steps.say(
            f"{way}: {way.mails / seconds:.1f} mails/s, "
            f"Odoo computes {processor / way.mails * 1000:.1f} ms for each"
        )
        return True

    told = [
        {**vars(way), "mails": way.mails, "port": ports.get((way.by, way.delay), 0)}
        for way in plan
    ]
    made = odoo_run.run(
        steps,
        postgres_env,
        demo_stage.DATABASE,
        "bench-out",
        "shell",
        "--db_maxconn",
        str(_CONNECTIONS),
        script=_SCRIPT,
        variables={"MAILGUN_BENCH": json.dumps(told), "NO_PROXY": HOST},
        claims=take,
    )
    if made.problems:
        raise StepFailed(made.problems)
