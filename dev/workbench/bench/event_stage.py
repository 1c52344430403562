"""Where events are measured: one Odoo, a database for each module to be measured."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..demo.demo_stage import DOMAIN, SIGNING_KEY
from ..machine import databases, paths, postgres
from ..machine.ports import HOST, free_port
from ..machine.report import Report
from ..machine.steps import StepFailed, Steps
from ..servers import odoo, odoo_run, template
from ..servers.odoo_log import Record
from ..servers.odoo_server import OdooServer

OURS, LONG, OCA = (f"mailgun_bench_events{end}" for end in ("", "_long", "_oca"))
FLOOR = "mail_mailgun_bench_floor"
_OCA_MODULE = "mail_tracking_mailgun"
_OCA_WHEELS = ("odoo-addon-mail-tracking", "odoo-addon-mail-tracking-mailgun")
_OCA_FOLDER = paths.STATE / "oca"
_ADDONS = (Path(__file__).with_name("floor"), _OCA_FOLDER / "odoo" / "addons")
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
        with postgres.connection(self.postgres_env, database) as connected:
            with connected.cursor() as cursor:
                cursor.execute(sql, values or None)

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
    _get_oca(steps)
    with postgres.running() as postgres_env:
        stage = EventStage(steps, postgres_env)
        told = {"domain": DOMAIN, "signing_key": SIGNING_KEY, "mails": mails}
        for database, module, script in (
            (OURS, odoo.MODULE, "bench_events_mails"),
            (OCA, _OCA_MODULE, "bench_events_oca_mails"),
        ):
            _make_database(steps, postgres_env, database, module)
            stage.run_script(database, script, **told)
        databases.copy(postgres_env, OURS, LONG)
        try:
            yield stage
        finally:
            databases.drop(postgres_env, LONG)


def _get_oca(steps: Steps) -> None:
    if _OCA_FOLDER.exists():
        return
    steps.say("OCA's mail_tracking_mailgun from PyPI ...")
    # They depend on each other and on Odoo, which is here already.
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--target", str(_OCA_FOLDER)]
    wanted = [f"{name}==19.0.*" for name in _OCA_WHEELS]
    ended = subprocess.run(
        [*command, *wanted], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise StepFailed(f"pip could not install {' '.join(wanted)}:\n{ended.stderr}")


def _make_database(
    steps: Steps, postgres_env: dict[str, str], database: str, module: str
) -> None:
    if not template.copy_to(Report(), postgres_env, database):
        raise StepFailed("Odoo's own modules do not install")
    steps.say(f"database {database} with {module} ...")
    modules = ("--init", f"{module},{FLOOR}", "--stop-after-init")
    _run(steps, postgres_env, database, f"bench-install-{module}", *modules)


def _run(
    steps: Steps,
    postgres_env: dict[str, str],
    database: str,
    log: str,
    *arguments: str,
    script: Path | None = None,
    claims=lambda record: False,
) -> None:
    ended = odoo_run.run(
        steps,
        postgres_env,
        database,
        log,
        *arguments,
        *_ADDONS_PATH,
        script=script,
        claims=claims,
    )
    if ended.problems:
        raise StepFailed(f"{log}:\n{ended.problems}")
