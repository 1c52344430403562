"""Odoo's own command line with module, database and state set (``dev/odoo``)."""

import configparser
import os
import signal
import subprocess
import sys
from pathlib import Path

from ..machine import browser, databases, paths, postgres

DATABASE = os.environ.get("MAILGUN_DEV_DATABASE", "mailgun_demo")
PORT = int(os.environ.get("MAILGUN_DEV_PORT", "8069"))
MODULE = "mail_mailgun"
_SCRIPT = Path(__file__).with_name("scripts") / "odoo_bin.py"


def environment(
    postgres_env: dict[str, str], database: str = DATABASE, port: int = PORT
) -> dict[str, str]:
    """Return the process environment in which Odoo finds everything."""
    path = os.pathsep.join([str(paths.SITE), str(paths.odoo_path())])
    return {
        **os.environ,
        **postgres_env,
        "PATH": browser.path(),
        "PYTHONPATH": path,
        "PYTHONUNBUFFERED": "1",
        "ODOO_RC": str(_configuration(database, port)),
    }


def _configuration(database: str, port: int) -> Path:
    config = configparser.ConfigParser(interpolation=None)
    config["options"] = {
        "data_dir": str(paths.DATA),
        "db_name": database,
        "dbfilter": "",
        "http_interface": "127.0.0.1",
        "http_port": str(port),
        "admin_passwd": "admin",
        "screenshots": str(paths.LOGS),
    }
    target = paths.STATE / f"odoo-{database}.conf"
    with target.open("w") as handle:
        config.write(handle)
    return target


def command(*arguments: str) -> list[str]:
    """Return the command line for Odoo's ``arguments``."""
    return [sys.executable, str(_SCRIPT), *arguments]


def main() -> int:
    """Run Odoo with the arguments given, PostgreSQL beside it."""
    arguments = sys.argv[1:]
    # Ctrl-C reaches Odoo too; it stops by itself and this waits for it.
    signal.signal(signal.SIGINT, lambda *_: None)
    with postgres.running() as postgres_env:
        if _serves(arguments) and not databases.exists(postgres_env, DATABASE):
            databases.create(postgres_env, DATABASE)
            if not _has(arguments, "-i", "--init"):
                arguments += ["--init", MODULE]
        process = subprocess.Popen(command(*arguments), env=environment(postgres_env))
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        return process.wait()


def _serves(arguments: list[str]) -> bool:
    """Tell whether Odoo is going to serve the database of this configuration."""
    if _has(arguments, "-h", "--help", "--version", "-d", "--database"):
        return False
    return not arguments or arguments[0] == "server" or arguments[0].startswith("-")


def _has(arguments: list[str], *options: str) -> bool:
    return any(argument.startswith(options) for argument in arguments)


if __name__ == "__main__":
    sys.exit(main())
