"""Odoo's own tests of mail with the module installed, also through its journal.

Three times: sending, aliases, templates, mass mailing and the gateway as they are; the
gateway with each mail posted as raw MIME; the gateway with each mail posted in the
parsed form. The tests are in the addon in ``core_suite/``.
"""

from collections import Counter

from ..core_suite.mail_mailgun_core_suite.differences import PARSED
from ..machine import databases, paths, postgres
from ..machine.report import Report
from ..servers import template
from . import odoo_tests

DATABASE = "mailgun_core"
TEMPLATE = "mailgun_core_template"
# The tests bring modules of their own; those of mass mailing need the others.
MODULES = "test_mass_mailing"
SUITE = "mail_mailgun_core_suite"

_ADDONS = paths.DEV / "workbench" / "core_suite"
_KINDS = {
    "raw_": "the gateway, through the journal as raw MIME",
    "parsed_": "the gateway, through the journal in the parsed form",
}


def run(report: Report) -> None:
    """Run Odoo's tests in a fresh database with the module."""
    with databases.alone(report), postgres.running() as postgres_env:
        if template.copy_to(report, postgres_env, DATABASE, TEMPLATE, MODULES):
            _run_tests(report, postgres_env)


def _run_tests(report: Report, postgres_env: dict[str, str]) -> None:
    tests = odoo_tests.run(
        report,
        postgres_env,
        DATABASE,
        "test-core",
        f"/{SUITE}",
        *("--addons-path", str(_ADDONS)),
        module=SUITE,
    )
    for kind, what in _KINDS.items():
        started = [name for name in tests.started if name.startswith(kind)]
        passed = tests.passed.intersection(started)
        report.say(f"{what}: {len(passed)} of {len(started)}")
    reasons = Counter(difference.reason for difference in PARSED.values())
    for reason, count in reasons.items():
        report.say(f"expected otherwise when parsed, {count}: {reason}")
