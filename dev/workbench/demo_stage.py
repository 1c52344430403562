"""What a demonstration plays on: PostgreSQL, a local Mailgun, Odoo with a database."""

import contextlib
import fcntl
import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from . import (
    databases,
    odoo,
    odoo_run,
    paths,
    postgres,
    processes,
    sandbox_process,
    sources,
)
from .ports import HOST, free_port
from .sandbox_client import SandboxClient
from .steps import StepFailed, Steps

DATABASE = odoo.DATABASE
MODULES = ("crm", odoo.MODULE)
DOMAIN = "mail.example.com"
API_KEY = "demo-api-key"
SIGNING_KEY = "demo-signing-key"
# Shipped files of the module: when none changed, the database is up to date.
_NOT_ODOO = ("dev/", "tests/", ".")


@dataclass
class Stage:
    """Everything that runs, and where.

    :param log: Odoo's
    """

    url: str
    log: Path
    odoo: subprocess.Popen
    sandbox: SandboxClient
    postgres_env: dict[str, str]

    def rows(self, sql: str, *values) -> list[tuple]:
        """Return what a SELECT finds in Odoo's database."""
        return postgres.query(self.postgres_env, DATABASE, sql, *values)


@contextlib.contextmanager
def running(steps: Steps) -> Iterator[Stage]:
    """Keep the whole stage up while the context lasts.

    :raise StepFailed: when something does not start
    """
    with _alone(), postgres.running() as postgres_env:
        _prepare_database(steps, postgres_env)
        port = free_port(odoo.PORT, odoo.PORT + 1, odoo.PORT + 2)
        if port != odoo.PORT:
            steps.say(f"port {odoo.PORT} is taken, Odoo gets {port}")
        url = f"http://{HOST}:{port}"
        with (
            _sandbox(steps) as sandbox,
            _odoo(steps, postgres_env, port, sandbox.url) as (process, log),
        ):
            yield Stage(url, log, process, sandbox, postgres_env)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    with (paths.STATE / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StepFailed(
                "another dev/demo is running with this state; stop it first, or give "
                "this one a state of its own: MAILGUN_DEV_HOME=/path"
            ) from None
        yield


def _prepare_database(steps: Steps, postgres_env: dict[str, str]) -> None:
    wanted = _fingerprint()
    if not databases.exists(postgres_env, DATABASE):
        databases.create(postgres_env, DATABASE)
        arguments = ["--init", ",".join(MODULES)]
        steps.say(
            f"database {DATABASE} with {' and '.join(MODULES)}, about a minute ..."
        )
    elif databases.comment(postgres_env, DATABASE) != wanted:
        arguments = ["--init", ",".join(MODULES), "--update", odoo.MODULE]
        steps.say(f"database {DATABASE}: taking over what changed in the module ...")
    else:
        steps.say(f"database {DATABASE} is there and up to date")
        return
    made = odoo_run.run(
        steps,
        postgres_env,
        DATABASE,
        "demo-install",
        *arguments,
        "--stop-after-init",
    )
    if made.problems:
        raise StepFailed(f"the module does not install:\n{made.problems}")
    databases.set_comment(postgres_env, DATABASE, wanted)


def _fingerprint() -> str:
    found = hashlib.sha256()
    for name in sources.files():
        if not name.startswith(_NOT_ODOO):
            found.update(name.encode() + (paths.ROOT / name).read_bytes())
    return found.hexdigest()


@contextlib.contextmanager
def _sandbox(steps: Steps) -> Iterator[SandboxClient]:
    options = ["--domain", DOMAIN, "--api-key", API_KEY, "--signing-key", SIGNING_KEY]
    with sandbox_process.running("demo-sandbox", *options) as client:
        steps.say(f"the local Mailgun answers at {client.url}")
        yield client


@contextlib.contextmanager
def _odoo(
    steps: Steps, postgres_env: dict[str, str], port: int, mailgun_url: str
) -> Iterator[tuple[subprocess.Popen, Path]]:
    env = odoo.environment(postgres_env, DATABASE, port)
    env["MAILGUN_API_URL"] = mailgun_url
    # A proxy for the outside world has no business between two local processes.
    env["NO_PROXY"] = env["no_proxy"] = HOST
    log = paths.log_file("demo-odoo")
    with processes.background(odoo.command(), env, log) as process:
        url = f"http://{HOST}:{port}"
        steps.wait_for("Odoo", _alive(process, log, lambda: _is_up(url)), timeout=120)
        steps.say(f"Odoo answers at {url}")
        yield process, log


def _alive(process: subprocess.Popen, log: Path, find):
    """Wrap ``find`` so that it fails at once when the process has ended."""

    def check():
        if process.poll() is not None:
            raise StepFailed(
                f"it ended with {process.returncode}; {log}:\n{odoo_run.tail(log)}"
            )
        return find()

    return check


def _is_up(url: str) -> bool:
    session = requests.Session()
    session.trust_env = False
    try:
        return session.get(f"{url}/web/login", timeout=60).ok
    except requests.ConnectionError:
        return False
