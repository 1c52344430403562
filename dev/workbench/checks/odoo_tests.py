"""Tests that run within Odoo, by Odoo's own runner, and what its log tells of them."""

import re
from collections import defaultdict
from dataclasses import dataclass

import pytest

from ..machine import browser, databases, paths, postgres
from ..machine.report import Report
from ..servers import odoo, odoo_run, sandbox_process, template
from ..servers.odoo_log import Record

# Classes with this tag need no database.
PLAIN_TAG = "mailgun_tools"
# What the module does for mailings is tested where there are some.
MAILINGS_TAG = "mailgun_mailings"
# Tells the tests in the browser where a Mailgun is.
SANDBOX_VARIABLE = "MAILGUN_TEST_SANDBOX"

_STARTED = re.compile(r"Starting (?P<test>(?P<cls>\w+)\.\w+) \.\.\.")
_SKIPPED = re.compile(r"skipped (?P<test>.+?) : (?P<reason>.*)")
_FAILED = re.compile(r"(?:FAIL|ERROR): (?:Subtest )?(?P<test>\w+\.\w+|.+)")

_NO_BROWSER = "Chrome executable not found"
_BROWSER_REMEDY = "no Chromium here; on Debian: apt-get install chromium"


@dataclass(frozen=True)
class World:
    """A database in which Odoo runs tests.

    :param log: its name
    :param module: whose tests they are
    :param source: the template that it is a copy of
    :param modules: what is installed in that
    :param arguments: for Odoo
    """

    database: str
    log: str
    module: str = odoo.MODULE
    source: str = template.NAME
    modules: str = template.MODULES
    arguments: tuple[str, ...] = ()


MAIL = World("mailgun_test", "test-odoo")
MAILINGS = World(
    "mailgun_test_mailings",
    "test-mailings",
    source="mailgun_template_mailings",
    modules="mass_mailing",
)
# Odoo's own tests bring modules of their own; those of mass mailing need the others.
CORE = World(
    "mailgun_core",
    "test-core",
    module="mail_mailgun_core_suite",
    source="mailgun_core_template",
    modules="test_mass_mailing",
    arguments=("--addons-path", str(paths.DEV / "workbench" / "core_suite")),
)


def world_of(item: pytest.Item) -> World | None:
    """Return where Odoo runs a test; None for those that need no database."""
    tags = getattr(item.cls, "test_tags", {PLAIN_TAG})
    if CORE.module in item.path.parts:
        return CORE
    if MAILINGS_TAG in tags:
        return MAILINGS
    return None if PLAIN_TAG in tags else MAIL


def names_of(test_class: type) -> set[str]:
    """Return which tests of a class Odoo runs (``odoo/tests/loader.py``).

    What a class has inherited only if it says so.
    """
    says_so = getattr(test_class, "allow_inherited_tests_method", False)
    names = dir(test_class) if says_so else vars(test_class)
    return {name for name in names if name.startswith("test_")}


class InOdoo:
    """Has Odoo run what belongs into a database, before pytest runs the others."""

    def __init__(self, report: Report):
        self._report = report
        self._runs: dict[World, _Run] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        if session.testsfailed:
            # Some file cannot be read.
            return
        wanted = defaultdict(list)
        for item in session.items:
            wanted[world_of(item)].append(item)
        for world in wanted.keys() - {None}:
            self._runs[world] = _Run(self._report, world)
            self._runs[world].work(_tags(world, wanted[world]))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        world = world_of(item)
        if world is None:
            return None
        outcome, text = self._runs[world].outcome(item)
        longrepr = (str(item.path), 0, text) if outcome == "skipped" else text
        told = pytest.TestReport(
            item.nodeid, item.location, {}, outcome, longrepr, "call"
        )
        item.ihook.pytest_runtest_logreport(report=told)
        return True


def _tags(world: World, items: list[pytest.Item]) -> str:
    """Return how Odoo calls these tests; a class with all of its tests by its name."""
    wanted = defaultdict(list)
    for item in items:
        wanted[item.cls].append(item)
    tags = []
    for test_class, chosen in wanted.items():
        name = f"/{world.module}/tests/{chosen[0].path.name}:{test_class.__name__}"
        if len(chosen) == len(names_of(test_class)):
            tags.append(name)
        else:
            tags += [f"{name}.{item.name}" for item in chosen]
    return ",".join(tags)


class _Run:
    """One run of Odoo, and how its tests ended."""

    def __init__(self, report: Report, world: World):
        self._report = report
        self._world = world
        # The second one tells of a setUpClass.
        self._loggers = (f"odoo.addons.{world.module}.tests", "odoo.tests.suite")
        self._class = ""
        self._started: set[str] = set()
        self._skipped: dict[str, str] = {}
        self._failed: dict[str, str] = defaultdict(str)

    def work(self, tags: str) -> None:
        """Install the module and run tests.

        :param tags: which tests, as Odoo names them
        """
        world, report = self._world, self._report
        with databases.alone(report), postgres.running() as postgres_env:
            browser.ensure(report)
            if not template.copy_to(
                report, postgres_env, world.database, world.source, world.modules
            ):
                return
            with sandbox_process.running(f"{world.log}-sandbox") as mailgun:
                ended = odoo_run.run(
                    report,
                    {**postgres_env, SANDBOX_VARIABLE: mailgun.url},
                    world.database,
                    world.log,
                    *world.arguments,
                    *("--init", world.module, "--test-tags", tags, "--stop-after-init"),
                    claims=self._claims,
                )
        if ended.troubles:
            report.failed("warnings in the log", ended.problems, len(ended.troubles))
        elif ended.status and not self._failed:
            report.failed("Odoo runs the tests", ended.problems)

    def outcome(self, item: pytest.Item) -> tuple[str, str]:
        """Return how a test ended, as pytest calls it, and why."""
        name = f"{item.cls.__name__}.{item.name}"
        # Odoo tells of a class as of "setUpClass (odoo.addons....tests.test_x.TestX)".
        of_class = f"setUpClass ({item.cls.__module__}.{item.cls.__qualname__})"
        for key in (name, of_class):
            if key in self._failed:
                return "failed", self._failed[key]
            if key in self._skipped:
                return "skipped", self._skipped[key]
        if name not in self._started:
            log = paths.LOGS / f"{self._world.log}.log"
            return "failed", f"Odoo did not run it; the whole log: {log}"
        return "passed", ""

    def _claims(self, record: Record) -> bool:
        """Take an entry of the log if a test's fate is what it tells."""
        if not record.logger.startswith(self._loggers):
            return False
        if found := _STARTED.match(record.text):
            self._started.add(found["test"])
            self._show(found["cls"])
        elif found := _SKIPPED.match(record.text):
            has_browser = not found["reason"].startswith(_NO_BROWSER)
            reason = found["reason"] if has_browser else _BROWSER_REMEDY
            self._skipped[found["test"]] = reason
        elif record.level == "ERROR" and (found := _FAILED.match(record.text)):
            self._failed[found["test"]] += record.text
            return True
        # A test that is skipped for it says so itself.
        return record.text.startswith(_NO_BROWSER)

    def _show(self, class_name: str) -> None:
        if class_name != self._class:
            self._class = class_name
            self._report.say(f"{class_name} ...")
