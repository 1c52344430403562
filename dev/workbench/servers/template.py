"""A database with Odoo's mail in it, kept in the state and copied for each test run."""

import hashlib
import os
from pathlib import Path

from ..machine import databases, paths
from ..machine.report import Report
from . import odoo_run

NAME = "mailgun_template"
MODULES = "mail"

_SOURCES = (".py", ".xml", ".csv", ".sql")
_NO_DATA = {"static", "i18n", "tests"}
_ASSETS = Path(__file__).with_name("scripts") / "pregenerate_assets.py"


def copy_to(
    report: Report,
    postgres_env: dict[str, str],
    database: str,
    name: str = NAME,
    modules: str = MODULES,
) -> bool:
    """Make ``database`` anew from a template, which is made first if need be.

    :param name: of the template
    :param modules: what is installed in it
    :return: whether that worked; if not, the report says why
    """
    wanted = _fingerprint(modules)
    if databases.comment(postgres_env, name) != wanted:
        report.say(f"a database with {modules}, one or two minutes the first time ...")
        if problems := _make(report, postgres_env, name, modules):
            report.failed("Odoo's own modules install", problems)
            return False
        databases.set_comment(postgres_env, name, wanted)
    databases.copy(postgres_env, name, database)
    return True


def _make(report: Report, postgres_env: dict[str, str], name: str, modules: str) -> str:
    databases.drop(postgres_env, name)
    databases.create(postgres_env, name)

    def run(log: str, *arguments: str, **options) -> str:
        ended = odoo_run.run(report, postgres_env, name, log, *arguments, **options)
        return ended.problems

    return run("template-install", "--init", modules, "--stop-after-init") or run(
        "template-assets", "shell", script=_ASSETS
    )


def _fingerprint(modules: str) -> str:
    """Return a text that changes when anything in Odoo's tree does."""
    found = hashlib.sha256(modules.encode() + _ASSETS.read_bytes())
    for top in ("odoo", "addons"):
        for folder, subfolders, names in os.walk(paths.odoo_path() / top):
            subfolders[:] = sorted(set(subfolders) - _NO_DATA)
            for name in sorted(names):
                if name.endswith(_SOURCES):
                    status = os.stat(os.path.join(folder, name))
                    entry = f"{folder}/{name} {status.st_size} {status.st_mtime_ns}\n"
                    found.update(entry.encode())
    return found.hexdigest()
