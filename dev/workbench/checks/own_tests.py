"""Tests of the module and of the local Mailgun: pytest finds, chooses and reports them.

Those that need no database it runs, too; Odoo runs the others (``odoo_tests``).
"""

import os
import sys
import unittest
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ..machine import paths, processes
from ..machine.report import Report
from .odoo_tests import InOdoo, World, names_of, world_of

TESTS = (paths.DEV / "tests", paths.MODULE / "tests")

# What is said goes past pytest's capture, by the report.
_OPTIONS = ("-p", "no:terminal", "-p", "no:cacheprovider", "--capture=sys")
_OPTIONS += ("--disable-plugin-autoload", "--assert=plain")
# The checkout is no package under its own name, whose __init__.py pytest would import.
_ROOT = ("-c", str(paths.ROOT / "pyproject.toml"), "--confcutdir", str(paths.DEV))
_USUAL = (
    pytest.ExitCode.OK,
    pytest.ExitCode.TESTS_FAILED,
    pytest.ExitCode.NO_TESTS_COLLECTED,
    # Some file could not be read.
    pytest.ExitCode.INTERRUPTED,
)


def run(
    report: Report,
    wanted: Callable[[pytest.Item], bool],
    folders: Sequence[Path] = TESTS,
    is_good: Callable[[], bool] = lambda: True,
) -> dict[str, str]:
    """Run tests.

    :param wanted: which ones
    :param folders: where they are
    :param is_good: tells whether to go on once they are chosen
    :return: how each one ended: passed, skipped or failed
    """
    _prepare()
    told = _Told(report)
    status = pytest.main(
        [*_OPTIONS, *_ROOT, *map(str, folders)],
        plugins=[_Choice(report, wanted, is_good), InOdoo(report), told],
    )
    processes.end_if_asked()
    if status not in _USUAL:
        report.failed("pytest runs", f"it ended with {status!r}")
    return told.ended


def run_plain(report: Report) -> None:
    """Run the tests that need no database."""
    run(report, lambda item: world_of(item) is None)


def run_in_odoo(report: Report, *worlds: World, **options) -> dict[str, str]:
    """Run the tests that belong into these databases; return how each one ended.

    :param options: of :func:`run`
    """
    return run(report, lambda item: world_of(item) in worlds, **options)


def run_named(report: Report, names: Sequence[str]) -> set[str]:
    """Run the tests that arguments of ``dev/test`` mean.

    :param names: ``tests/test_x.py``, the same with ``::test_y`` or ``::TestX::test_y``
        behind it, ``TestX`` or ``TestX.test_y``
    :return: the names that mean no test; if there is one, nothing was run
    """
    unknown = set(names)

    def is_wanted(item: pytest.Item) -> bool:
        meant = {name for name in names if _means(name, item)}
        unknown.difference_update(meant)
        return bool(meant)

    run(report, is_wanted, is_good=lambda: not unknown)
    return unknown


def _means(name: str, item: pytest.Item) -> bool:
    path, *names = name.split("::")
    if not path.endswith(".py"):
        names = name.split(".")
    elif item.path.resolve() != (paths.ROOT / path).resolve():
        return False
    own = [item.cls.__name__, item.name]
    return names in ([], own, own[:1], own[1:])


def _prepare() -> None:
    """Let Odoo and the module be found, and tests that need no database run here."""
    # In the checkout "tests" and "tools" would be packages of their own.
    os.chdir(paths.STATE)
    wanted = [str(paths.SITE), str(paths.odoo_path())]
    others = [one for one in sys.path if one not in (str(paths.ROOT), *wanted)]
    sys.path[:] = others + wanted
    from odoo.tests import BaseCase

    # Odoo's own ones report to Odoo's collector of results.
    BaseCase.run = unittest.TestCase.run
    BaseCase.subTest = unittest.TestCase.subTest


class _Choice:
    """Leaves those that are wanted, and that Odoo would run as well."""

    def __init__(
        self,
        report: Report,
        wanted: Callable[[pytest.Item], bool],
        is_good: Callable[[], bool],
    ):
        self._wanted = wanted
        self._is_good = is_good
        self._report = report

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for name in {item.cls.__name__ for item in items if not names_of(item.cls)}:
            self._report.failed(
                f"{name} runs tests",
                "it has none of its own: allow_inherited_tests_method = True",
            )
        chosen = [
            item
            for item in items
            if item.name in names_of(item.cls) and self._wanted(item)
        ]
        items[:] = chosen if self._is_good() else []


class _Told:
    """Tells the report how each test ended, whatever ran it."""

    def __init__(self, report: Report):
        self._report = report
        self.ended: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = ".".join(report.nodeid.split("::")[1:])
        if report.failed:
            sections = [f"--- {title}\n{text}" for title, text in report.sections]
            text = "\n".join([report.longreprtext, *sections])
            # Subtests, and taking down, count as their test.
            count = self.ended.get(report.nodeid) != "failed"
            self._report.failed(name, text, int(count))
            self.ended[report.nodeid] = "failed"
        elif report.skipped and report.nodeid not in self.ended:
            _path, _line, reason = report.longrepr
            self._report.skipped(name, reason.removeprefix("Skipped: "))
            self.ended[report.nodeid] = "skipped"
        elif report.when == "call":
            self.ended.setdefault(report.nodeid, "passed")
        self._report.alive(name)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._report.failed(f"{report.nodeid} is read", report.longreprtext)

    def pytest_internalerror(self, excrepr: object) -> None:
        self._report.failed("pytest", str(excrepr))

    def pytest_sessionfinish(self) -> None:
        passed = list(self.ended.values()).count("passed")
        if passed:
            self._report.passed(f"{passed} tests", passed)
