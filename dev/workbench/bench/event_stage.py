"""Where events are measured: one Odoo, a database for each module to be measured."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..demo.demo_stage import DOMAIN, SIGNING_KEY
from ..machine import databases, postgres
from ..machine.ports import HOST, free_port
from ..machine.report import Report
from ..machine.steps import StepFailed, Steps
from ..servers import oca, odoo, odoo_run, template
from ..servers.odoo_log import Record
from ..servers.odoo_server import OdooServer

OURS, LONG, OCA = (f"mailgun_bench_events{end}" for end in ("", "_long", "_oca"))
FLOOR = "mail_mailgun_bench_floor"
_OCA_MODULE = "mail_tracking_mailgun"
_OCA_ADDONS = ("mail_tracking", _OCA_MODULE)
_ADDONS = (Path(__file__).with_name("floor"), oca.folder(*_OCA_ADDONS))
_ADDONS_PATH = ("--addons-path", ",".join(map(str, _ADDONS)))
_SCRIPTS = Path(__file__).with_name("scripts")
# What a script has found out.
_LOGGER = "bench"


@dataclass
class EventStage:
    """PostgreSQL, and databases in which mails were sent that events can be about."""

    steps: Steps
    postgres_env: dict[str, str]

    def execute(self, database: str, sql: str, *values) -> None:
        """Run SQL that returns nothing."""
        postgres.query(self.postgres_env, database, sql, *values)

    def value(self, database: str, sql: str, *values):
        """Return the one value that a SELECT finds."""
        ((found,),) = postgres.query(self.postgres_env, database, sql, *values)
        return found

    def run_script(self, database: str, name: str, **told):
        """Run a script of ``scripts/`` in Odoo's shell.

        :param told: what it finds as JSON in MAILGUN_BENCH
        :return: what it logged as ``bench``, or None
        :raise StepFailed: it failed
        """
        found = []

        def claims(record: Record) -> bool:
            if record.logger == _LOGGER:
                found.append(json.loads(record.text))
            return record.logger == _LOGGER

        _run(
            self.steps,
            {**self.postgres_env, "MAILGUN_BENCH": json.dumps(told)},
            database,
            name.replace("_", "-"),
            "shell",
            script=_SCRIPTS / f"{name}.py",
            claims=claims,
        )
        return found[0] if found else None

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Have all databases served while the context lasts.

        Without crons: what an answer costs is not to depend on what runs beside it.

        :return: where
        """
        port, served = free_port(odoo.PORT), ",".join((OURS, LONG, OCA))
        server = OdooServer(
            odoo.environment(self.postgres_env, served, port),
            "bench-events-odoo",
            f"http://{HOST}:{port}",
            *("--max-cron-threads", "0"),
            *_ADDONS_PATH,
        )
        try:
            server.start(self.steps)
            yield server.url
        finally:
            server.stop()


@contextlib.contextmanager
def running(steps: Steps, mails: int) -> Iterator[EventStage]:
    """Keep everything up while the context lasts; the databases are made anew.

    :param mails: how many were sent in each
    :raise StepFailed: when something does not work
    """
    steps.say("OCA's mail_tracking_mailgun, from PyPI the first time ...")
    oca.fetch(*_OCA_ADDONS)
    with postgres.running() as postgres_env:
        stage = EventStage(steps, postgres_env)
        told = {"domain": DOMAIN, "signing_key": SIGNING_KEY, "mails": mails}
        for database, module in ((OURS, odoo.MODULE), (OCA, _OCA_MODULE)):
            _make_database(steps, postgres_env, database, module)
            stage.run_script(database, "bench_events_mails", sent_by=module, **told)
        databases.copy(postgres_env, OURS, LONG)
        try:
            yield stage
        finally:
            databases.drop(postgres_env, LONG)


def _make_database(
    steps: Steps, postgres_env: dict[str, str], database: str, module: str
) -> None:
    if not template.copy_to(Report(), postgres_env, database):
        raise StepFailed("Odoo's own modules do not install")
    steps.say(f"database {database} with {module} ...")
    modules = ("--init", f"{module},{FLOOR}", "--stop-after-init")
    _run(steps, postgres_env, database, f"bench-install-{module}", *modules)


def _run(steps: Steps, postgres_env, database, log: str, *arguments, **options) -> None:
    ended = odoo_run.run(
        steps, postgres_env, database, log, *arguments, *_ADDONS_PATH, **options
    )
    if ended.problems:
        raise StepFailed(f"{log}:\n{ended.problems}")
