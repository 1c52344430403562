"""A database with Odoo's mail in it, kept in the state and copied for each test run."""

import hashlib
import os

from . import databases, odoo_run, paths
from .report import Report

NAME = "mailgun_template"
MODULES = "mail"

_SOURCES = (".py", ".xml", ".csv", ".sql")
_NO_DATA = {"static", "i18n", "tests"}
_ASSETS = paths.DEV / "workbench" / "scripts" / "pregenerate_assets.py"


def copy_to(report: Report, postgres_env: dict[str, str], database: str) -> bool:
    """Make ``database`` anew from the template, which is made first if need be.

    :return: whether that worked; if not, the report says why
    """
    wanted = _fingerprint()
    if databases.comment(postgres_env, NAME) != wanted:
        report.say("a database with mail, one or two minutes the first time ...")
        if problems := _make(report, postgres_env):
            report.failed("Odoo's own modules install", problems)
            return False
        databases.set_comment(postgres_env, NAME, wanted)
    databases.copy(postgres_env, NAME, database)
    return True


def _make(report: Report, postgres_env: dict[str, str]) -> str:
    databases.drop(postgres_env, NAME)
    databases.create(postgres_env, NAME)

    def run(log: str, *arguments: str, **options) -> str:
        ended = odoo_run.run(report, postgres_env, NAME, log, *arguments, **options)
        return ended.problems

    return run("template-install", "--init", MODULES, "--stop-after-init") or run(
        "template-assets", "shell", script=_ASSETS
    )


def _fingerprint() -> str:
    """Return a text that changes when anything in Odoo's tree does."""
    found = hashlib.sha256(MODULES.encode() + _ASSETS.read_bytes())
    for top in ("odoo", "addons"):
        for folder, subfolders, names in os.walk(paths.odoo_path() / top):
            subfolders[:] = sorted(set(subfolders) - _NO_DATA)
            for name in sorted(names):
                if name.endswith(_SOURCES):
                    status = os.stat(os.path.join(folder, name))
                    entry = f"{folder}/{name} {status.st_size} {status.st_mtime_ns}\n"
                    found.update(entry.encode())
    return found.hexdigest()
