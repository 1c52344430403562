"""Tests in Odoo: database, HTTP and browser, then the module's whole life."""

import contextlib
import fcntl
import re
from collections.abc import Iterator

from . import (
    browser,
    lifecycle,
    odoo,
    odoo_run,
    paths,
    postgres,
    sandbox_process,
    template,
)
from .catalog import PLAIN_TAG, Target
from .odoo_log import Record
from .report import Report

DATABASE = "mailgun_test"
# Tells the tests in the browser where a Mailgun is.
SANDBOX_VARIABLE = "MAILGUN_TEST_SANDBOX"

_STARTED = re.compile(r"Starting (?P<test>(?P<cls>\w+)\.\w+) \.\.\.")
_SKIPPED = re.compile(r"skipped (?P<test>.+?) : (?P<reason>.*)")
_FAILED = re.compile(r"(?:FAIL|ERROR): (?:Subtest )?(?P<test>\w+\.\w+|.+)")
# The second one tells of a setUpClass.
_TEST_LOGGERS = (f"odoo.addons.{odoo.MODULE}.tests", "odoo.tests.suite")

_NO_BROWSER = "Chrome executable not found"
_BROWSER_REMEDY = "no Chromium here; on Debian: apt-get install chromium"


def run(report: Report, targets: list[Target] | None = None) -> None:
    """Run the database tests in a fresh database.

    :param targets: only these, and nothing but the tests
    """
    with _alone(report), postgres.running() as postgres_env:
        browser.ensure(report)
        if template.copy_to(report, postgres_env, DATABASE):
            with sandbox_process.running("test-sandbox") as mailgun:
                env = {**postgres_env, SANDBOX_VARIABLE: mailgun.url}
                _run_tests(report, env, _tags(targets))
        if targets is None:
            lifecycle.run(report, postgres_env)


@contextlib.contextmanager
def _alone(report: Report) -> Iterator[None]:
    """Wait for another run on this machine: it uses the same database."""
    with (paths.STATE / "test.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report.say("waiting for another dev/test to end ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _tags(targets: list[Target] | None) -> str:
    if targets is None:
        return f"/{odoo.MODULE},-{PLAIN_TAG}"
    return ",".join(f"/{odoo.MODULE}:{target.name}" for target in targets)


def _run_tests(report: Report, postgres_env: dict[str, str], tags: str) -> None:
    tests = _Tests(report)
    ended = odoo_run.run(
        report,
        postgres_env,
        DATABASE,
        "test-odoo",
        *("--init", odoo.MODULE, "--test-tags", tags, "--stop-after-init"),
        claims=tests.claims,
    )
    tests.count()
    if ended.troubles:
        report.failed("warnings in the log", ended.problems, len(ended.troubles))
    elif not tests.started or (ended.status and not tests.failed):
        report.failed(
            "Odoo runs the tests", f"{ended.problems}\nThe whole log: {ended.log}"
        )


class _Tests:
    """The tests that Odoo's log tells of."""

    def __init__(self, report: Report):
        self._report = report
        self._class = ""
        self.started: set[str] = set()
        self._skipped: dict[str, str] = {}
        self.failed: dict[str, str] = {}

    def claims(self, record: Record) -> bool:
        """Take an entry of the log if a test's fate is what it tells."""
        if not record.logger.startswith(_TEST_LOGGERS):
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
