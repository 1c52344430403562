"""What a demonstration plays on: PostgreSQL, a local Mailgun, Odoo with a database."""

import contextlib
import fcntl
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..machine import databases, paths, postgres, sources
from ..machine.ports import free_port
from ..machine.steps import StepFailed, Steps
from ..servers import odoo, odoo_run, odoo_server, sandbox_process
from ..servers.odoo_server import OdooServer
from ..servers.sandbox_client import SandboxClient

DATABASE = odoo.DATABASE
MODULES = ("crm", odoo.MODULE)
DOMAIN = "mail.example.com"
API_KEY = "demo-api-key"
SIGNING_KEY = "demo-signing-key"
# Shipped files of the module: when none changed, the database is up to date.
_NOT_ODOO = ("dev/", "tests/", ".")


@dataclass
class Stage:
    """Everything that runs, and where."""

    odoo: OdooServer
    sandbox: SandboxClient
    postgres_env: dict[str, str]

    @property
    def url(self) -> str:
        """Return where Odoo is."""
        return self.odoo.url

    @property
    def log(self) -> Path:
        """Return Odoo's log."""
        return self.odoo.log

    def rows(self, sql: str, *values) -> list[tuple]:
        """Run a statement in Odoo's database; return the rows that it finds."""
        return postgres.query(self.postgres_env, DATABASE, sql, *values)


@contextlib.contextmanager
def running(
    steps: Steps,
    name: str = "demo",
    odoo_arguments: Sequence[str] = (),
    sandbox_options: Sequence[str] = (),
    **variables: str,
) -> Iterator[Stage]:
    """Keep the whole stage up while the context lasts.

    :param name: of the logs
    :param odoo_arguments: how Odoo is to run
    :param sandbox_options: of ``dev/sandbox``, besides domain and keys
    :param variables: of Odoo's environment, besides what it needs
    :raise StepFailed: when something does not start
    """
    with database(steps) as postgres_env:
        port = free_port(odoo.PORT, odoo.PORT + 1, odoo.PORT + 2)
        if port != odoo.PORT:
            steps.say(f"port {odoo.PORT} is taken, Odoo gets {port}")
        with (
            _sandbox(steps, name, sandbox_options) as sandbox,
            odoo_server.running(
                steps,
                postgres_env,
                port,
                sandbox.url,
                f"{name}-odoo",
                *odoo_arguments,
                **variables,
            ) as server,
        ):
            yield Stage(server, sandbox, postgres_env)


@contextlib.contextmanager
def database(steps: Steps) -> Iterator[dict[str, str]]:
    """Keep PostgreSQL up with Odoo's database in it, the module's state of today.

    :return: the environment variables that lead to PostgreSQL
    :raise StepFailed: when the module does not install, or somebody else is at it
    """
    with _alone(), postgres.running() as postgres_env:
        prepare_database(steps, postgres_env)
        yield postgres_env


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    with (paths.STATE / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StepFailed(
                "another dev/demo, dev/chaos or dev/bench is running with this state; "
                "stop it first, or give this one a state of its own: "
                "MAILGUN_DEV_HOME=/path"
            ) from None
        yield


def prepare_database(
    steps: Steps,
    postgres_env: dict[str, str],
    name: str = DATABASE,
    modules: Sequence[str] = MODULES,
) -> None:
    """Make a database, or take over into it what changed in the module.

    :param name: of the database
    :param modules: what is installed in it
    :raise StepFailed: the module does not install
    """
    wanted = _fingerprint()
    if not databases.exists(postgres_env, name):
        databases.create(postgres_env, name)
        arguments = ["--init", ",".join(modules)]
        steps.say(f"database {name} with {' and '.join(modules)}, about a minute ...")
    elif databases.comment(postgres_env, name) != wanted:
        arguments = ["--init", ",".join(modules), "--update", odoo.MODULE]
        steps.say(f"database {name}: taking over what changed in the module ...")
    else:
        steps.say(f"database {name} is there and up to date")
        return
    made = odoo_run.run(
        steps,
        postgres_env,
        name,
        f"{name}-install",
        *arguments,
        "--stop-after-init",
    )
    if made.problems:
        raise StepFailed(f"the module does not install:\n{made.problems}")
    databases.set_comment(postgres_env, name, wanted)


def _fingerprint() -> str:
    found = hashlib.sha256()
    for name in sources.files():
        if not name.startswith(_NOT_ODOO):
            found.update(name.encode() + (paths.ROOT / name).read_bytes())
    return found.hexdigest()


@contextlib.contextmanager
def _sandbox(steps: Steps, name: str, more: Sequence[str]) -> Iterator[SandboxClient]:
    options = ["--domain", DOMAIN, "--api-key", API_KEY, "--signing-key", SIGNING_KEY]
    with sandbox_process.running(
        f"{name}-sandbox", *options, *more, port=sandbox_process.PORT
    ) as client:
        steps.say(f"the local Mailgun answers at {client.url}")
        yield client
