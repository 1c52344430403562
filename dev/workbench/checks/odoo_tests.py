"""Tests that run within Odoo, and what its log tells of them."""

import re

from ..machine.report import Report
from ..servers import odoo, odoo_run
from ..servers.odoo_log import Record

_STARTED = re.compile(r"Starting (?P<test>(?P<cls>\w+)\.\w+) \.\.\.")
_SKIPPED = re.compile(r"skipped (?P<test>.+?) : (?P<reason>.*)")
_FAILED = re.compile(r"(?:FAIL|ERROR): (?:Subtest )?(?P<test>\w+\.\w+|.+)")

_NO_BROWSER = "Chrome executable not found"
_BROWSER_REMEDY = "no Chromium here; on Debian: apt-get install chromium"


def run(
    report: Report,
    postgres_env: dict[str, str],
    database: str,
    log: str,
    tags: str,
    *arguments: str,
    module: str = odoo.MODULE,
) -> "Tests":
    """Install a module and run tests of it.

    :param log: name of the log
    :param tags: which tests, as Odoo names them
    :param arguments: for Odoo
    :param module: whose tests they are
    """
    tests = Tests(report, module)
    ended = odoo_run.run(
        report,
        postgres_env,
        database,
        log,
        *arguments,
        *("--init", module, "--test-tags", tags, "--stop-after-init"),
        claims=tests.claims,
    )
    tests.count()
    if ended.troubles:
        report.failed("warnings in the log", ended.problems, len(ended.troubles))
    elif not tests.started or (ended.status and not tests.failed):
        report.failed(
            "Odoo runs the tests", f"{ended.problems}\nThe whole log: {ended.log}"
        )
    return tests


class Tests:
    """The tests of one module that Odoo's log tells of."""

    def __init__(self, report: Report, module: str):
        self._report = report
        # The second one tells of a setUpClass.
        self._loggers = (f"odoo.addons.{module}.tests", "odoo.tests.suite")
        self._class = ""
        self.started: set[str] = set()
        self._skipped: dict[str, str] = {}
        self.failed: dict[str, str] = {}

    def claims(self, record: Record) -> bool:
        """Take an entry of the log if a test's fate is what it tells."""
        if not record.logger.startswith(self._loggers):
            return False
        if found := _STARTED.match(record.text):
            self.started.add(found["test"])
            self._show(found["cls"])
        elif found := _SKIPPED.match(record.text):
            self._skipped[found["test"]] = found["reason"]
        elif record.level == "ERROR" and (found := _FAILED.match(record.text)):
            name = found["test"]
            self.failed[name] = self.failed.get(name, "") + record.text
            return True
        # A test that is skipped for it says so itself.
        return record.text.startswith(_NO_BROWSER)

    @property
    def passed(self) -> set[str]:
        """Return the names of the tests that passed."""
        return self.started - set(self.failed) - set(self._skipped)

    def count(self) -> None:
        """Tell the report how the tests ended."""
        for name, text in self.failed.items():
            self._report.failed(name, text)
        for name, reason in self._skipped.items():
            if reason.startswith(_NO_BROWSER):
                reason = _BROWSER_REMEDY
            self._report.skipped(name, reason)
        if self.passed:
            self._report.passed(f"{len(self.passed)} tests", len(self.passed))

    def _show(self, class_name: str) -> None:
        if class_name != self._class:
            self._class = class_name
            self._report.say(f"{class_name} ...")
