"""Databases for Odoo: made, copied and dropped with their files."""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

from . import paths, postgres
from .voice import Voice


@contextlib.contextmanager
def alone(voice: Voice) -> Iterator[None]:
    """Wait for another run on this machine: it uses the same databases."""
    with (paths.STATE / "test.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            voice.say("waiting for another dev/test to end ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def exists(env: dict[str, str], database: str) -> bool:
    """Tell whether there is such a database.

    :param env: what :func:`postgres.running` returned
    """
    sql = "SELECT 1 FROM pg_database WHERE datname = %s"
    return bool(_execute(env, sql, database))


def create(env: dict[str, str], database: str) -> None:
    """Create an empty database, as Odoo would.

    Odoo itself would ask for the extension pg_trgm first and log an error without it.
    """
    _execute(
        env,
        f"""CREATE DATABASE "{database}" ENCODING 'UTF8' LC_COLLATE 'C'
            TEMPLATE template0""",
    )


def copy(env: dict[str, str], source: str, target: str) -> None:
    """Make ``target`` anew from ``source``, files included."""
    drop(env, target)
    _execute(env, f'CREATE DATABASE "{target}" TEMPLATE "{source}"')
    if _files(source).exists():
        shutil.copytree(_files(source), _files(target))


def drop(env: dict[str, str], database: str) -> None:
    """Drop a database, whoever is still connected to it, and its files."""
    # WITH (FORCE) would be refused while PostgreSQL itself is cleaning up there, which
    # it stops by itself for a database that goes.
    _execute(
        env,
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = %s AND usename = current_user""",
        database,
    )
    _execute(env, f'DROP DATABASE IF EXISTS "{database}"')
    shutil.rmtree(_files(database), ignore_errors=True)


def comment(env: dict[str, str], database: str) -> str:
    """Return the note that :func:`set_comment` left, or ""."""
    sql = """SELECT shobj_description(oid, 'pg_database') FROM pg_database
             WHERE datname = %s"""
    rows = _execute(env, sql, database)
    return rows[0][0] or "" if rows else ""


def set_comment(env: dict[str, str], database: str, text: str) -> None:
    """Leave a note at a database."""
    _execute(env, f'COMMENT ON DATABASE "{database}" IS %s', text)


def _execute(env: dict[str, str], sql: str, *values) -> list[tuple]:
    return postgres.query(env, "postgres", sql, *values)


def _files(database: str) -> Path:
    return paths.DATA / "filestore" / database
