"""Tests in Odoo: database, HTTP and browser, then the module's whole life."""

from ..machine import browser, databases, postgres
from ..machine.report import Report
from ..servers import odoo, sandbox_process, template
from . import lifecycle, odoo_tests
from .catalog import PLAIN_TAG, Target

DATABASE = "mailgun_test"
# What the module does for mailings is tested where there are some.
MAILINGS_DATABASE = "mailgun_test_mailings"
MAILINGS_TEMPLATE = "mailgun_template_mailings"
MAILINGS = "mass_mailing"
MAILINGS_TAG = "mailgun_mailings"
# Tells the tests in the browser where a Mailgun is.
SANDBOX_VARIABLE = "MAILGUN_TEST_SANDBOX"


def run(report: Report, targets: list[Target] | None = None) -> None:
    """Run the database tests in a fresh database.

    :param targets: only these, and nothing but the tests
    """
    with databases.alone(report), postgres.running() as postgres_env:
        browser.ensure(report)
        if template.copy_to(report, postgres_env, DATABASE):
            with sandbox_process.running("test-sandbox") as mailgun:
                env = {**postgres_env, SANDBOX_VARIABLE: mailgun.url}
                odoo_tests.run(report, env, DATABASE, "test-odoo", _tags(targets))
        if targets is None:
            _run_with_mailings(report, postgres_env)
            lifecycle.run(report, postgres_env)


def run_lifecycle(report: Report) -> None:
    """Install, upgrade and uninstall only."""
    with databases.alone(report), postgres.running() as postgres_env:
        lifecycle.run(report, postgres_env)


def _run_with_mailings(report: Report, postgres_env: dict[str, str]) -> None:
    if template.copy_to(
        report, postgres_env, MAILINGS_DATABASE, MAILINGS_TEMPLATE, MAILINGS
    ):
        tags = f"{MAILINGS_TAG}/{odoo.MODULE}"
        name = "test-mailings"
        odoo_tests.run(report, postgres_env, MAILINGS_DATABASE, name, tags)


def _tags(targets: list[Target] | None) -> str:
    if targets is None:
        return f"/{odoo.MODULE},-{PLAIN_TAG},-{MAILINGS_TAG}"
    return ",".join(f"/{odoo.MODULE}:{target.name}" for target in targets)
