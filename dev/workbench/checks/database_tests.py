"""Tests in Odoo: database, HTTP and browser, then the module's whole life."""

from ..machine import databases, postgres
from ..machine.report import Report
from . import lifecycle, own_tests
from .odoo_tests import MAIL, MAILINGS


def run(report: Report) -> None:
    """Run everything that needs Odoo and a database."""
    own_tests.run_in_odoo(report, MAIL, MAILINGS)
    run_lifecycle(report)


def run_lifecycle(report: Report) -> None:
    """Install, upgrade and uninstall only."""
    with databases.alone(report), postgres.running() as postgres_env:
        lifecycle.run(report, postgres_env)
