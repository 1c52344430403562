"""Install, upgrade, uninstall, install again: nothing of ours stays behind.

Then a database of an earlier version is upgraded, and must come out as this one.
"""

from functools import partial
from pathlib import Path

from ..machine import databases, postgres
from ..machine.report import Report
from ..servers import odoo, odoo_run, template
from ..upgrade import run as upgrade
from ..upgrade import shape

DATABASE = "mailgun_lifecycle"

_SCRIPT = Path(__file__).with_name("scripts") / "uninstall.py"

# What must not find a row once the module is gone.
_LEFT_OVERS = {
    "tables are gone": """
        SELECT tablename FROM pg_tables WHERE tablename LIKE 'mailgun%'""",
    "columns are gone": """
        SELECT table_name || '.' || column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name LIKE '%mailgun%'""",
    "crons are gone": """
        SELECT action.name::text FROM ir_cron AS cron
        JOIN ir_act_server AS action ON action.id = cron.ir_actions_server_id
        WHERE action.name::text ILIKE '%mailgun%'""",
    "menus are gone": """
        SELECT name::text FROM ir_ui_menu WHERE name::text ILIKE '%mailgun%'""",
    "views are gone": """
        SELECT name FROM ir_ui_view WHERE arch_db::text ILIKE '%mailgun%'""",
    "external identifiers are gone": """
        SELECT name FROM ir_model_data WHERE module = 'mail_mailgun'""",
    "stored files are gone": """
        SELECT res_model || ': ' || name FROM ir_attachment
        WHERE res_model LIKE 'mailgun.%'""",
    "mail servers of ours are archived": """
        SELECT name FROM ir_mail_server
        WHERE active OR smtp_authentication = 'mailgun'
        UNION SELECT name FROM fetchmail_server
        WHERE active OR server_type = 'mailgun'""",
}


def run(report: Report) -> None:
    """Lead the module through its life in databases of its own."""
    with databases.alone(report), postgres.running() as postgres_env:
        _run(report, postgres_env)


def _run(report: Report, postgres_env: dict[str, str]) -> None:
    life = _Life(report, postgres_env)
    if not template.copy_to(report, postgres_env, DATABASE):
        return
    life.step("installs", "--init", odoo.MODULE, "--stop-after-init")
    life.step("upgrades", "--update", odoo.MODULE, "--stop-after-init")
    structure = shape.read_structure(partial(postgres.query, postgres_env, DATABASE))
    life.step("uninstalls", "shell", script=_SCRIPT)
    life.check_left_overs()
    life.step("installs again", "--init", odoo.MODULE, "--stop-after-init")
    upgrade.run(report, postgres_env, structure)


class _Life:
    def __init__(self, report: Report, postgres_env: dict[str, str]):
        self._report = report
        self._postgres_env = postgres_env

    def step(self, name: str, *arguments: str, **options) -> None:
        log = f"test-{name.replace(' ', '-')}"
        ended = odoo_run.run(
            self._report, self._postgres_env, DATABASE, log, *arguments, **options
        )
        self._report.check(f"the module {name}", ended.problems)

    def check_left_overs(self) -> None:
        servers = self._rows("SELECT name FROM ir_mail_server WHERE NOT active")
        self._report.check(
            "the mail server of ours is still there",
            "" if servers else "no archived row in ir_mail_server",
        )
        for what, sql in _LEFT_OVERS.items():
            self._report.check(what, "\n".join(self._rows(sql)))

    def _rows(self, sql: str) -> list[str]:
        return [row[0] for row in postgres.query(self._postgres_env, DATABASE, sql)]
