"""PgBouncer in front of the embedded PostgreSQL, pooling transactions."""

import contextlib
import os
import socket
from collections.abc import Iterator

from . import debian, paths, postgres, processes
from .ports import HOST, free_port
from .steps import StepFailed, Steps

#: Connections to a database that all clients share.
SIZE = 30

# Odoo wakes its jobs by NOTIFY in the database "postgres".
_CONFIGURATION = """\
[databases]
postgres = host={host} user={role} pool_mode=session
* = host={host} user={role}

[pgbouncer]
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 500
listen_addr = {address}
listen_port = {port}
unix_socket_dir =
auth_type = any
"""


@contextlib.contextmanager
def running(steps: Steps, postgres_env: dict[str, str]) -> Iterator[dict[str, str]]:
    """Keep it up while the context lasts.

    :param postgres_env: what ``postgres.running`` returned
    :return: the environment variables that lead through it
    :raise StepFailed: it is not to be had, or does not start
    """
    found = debian.program(steps, "pgbouncer")
    if not found or os.environ.get("PGHOST"):
        raise StepFailed("it takes PgBouncer of Debian, and the embedded PostgreSQL")
    path, env = found
    port = free_port()
    target, log = paths.STATE / "pgbouncer.ini", paths.log_file("pgbouncer")
    target.write_text(
        _CONFIGURATION.format(
            host=postgres_env["PGHOST"],
            role=postgres_env["PGUSER"],
            size=SIZE,
            address=HOST,
            port=port,
        )
    )
    # It does not work for root.
    user = postgres.system_user() if os.geteuid() == 0 else None
    command = [path, *(("-u", user) if user else ()), str(target)]
    with processes.background(command, env, log) as process:

        def answers() -> bool:
            if process.poll() is not None:
                raise StepFailed(f"PgBouncer ended: {log.read_text()}")
            with contextlib.suppress(OSError), socket.create_connection((HOST, port)):
                return True
            return False

        steps.wait_for("PgBouncer", answers)
        yield {**postgres_env, "PGHOST": HOST, "PGPORT": str(port)}
