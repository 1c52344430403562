"""Odoo's own tests of mail with the module installed, also through its journal.

Three times: sending, aliases, templates, mass mailing and the gateway as they are; the
gateway with each mail posted as raw MIME; the gateway with each mail posted in the
parsed form. The tests are in the addon in ``core_suite/``.
"""

from collections import Counter

from ..core_suite.mail_mailgun_core_suite.differences import PARSED
from ..machine import paths
from ..machine.report import Report
from . import own_tests
from .odoo_tests import CORE

_KINDS = {
    "raw_": "the gateway, through the journal as raw MIME",
    "parsed_": "the gateway, through the journal in the parsed form",
}
_TESTS = paths.DEV / "workbench" / "core_suite" / CORE.module / "tests"


def run(report: Report) -> None:
    """Run Odoo's tests in a fresh database with the module."""
    ended = own_tests.run_in_odoo(report, CORE, folders=[_TESTS])
    for kind, what in _KINDS.items():
        found = [outcome for name, outcome in ended.items() if f"::{kind}" in name]
        report.say(f"{what}: {found.count('passed')} of {len(found)}")
    reasons = Counter(difference.reason for difference in PARSED.values())
    for reason, count in reasons.items():
        report.say(f"expected otherwise when parsed, {count}: {reason}")
