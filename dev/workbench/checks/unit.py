"""Tests without a database: ``tools/`` of the module, and the local Mailgun."""

import os
import re
import sys

from ..machine import paths, processes
from ..machine.report import Report
from ..servers import odoo
from . import catalog
from .catalog import Target

_RAN = re.compile(r"^Ran (\d+) tests? in ")
_SKIPPED = re.compile(r"skipped=(\d+)")
# "FAIL: test_x (path.TestX.test_x) (subtest)"
_FAILED = re.compile(r"^(?:FAIL|ERROR): (\S+ \(\S+\))(.*)")
_NO_TEST = re.compile(r"setUpClass|tearDownClass|setUpModule|tearDownModule")


def run(report: Report, targets: list[Target] | None = None) -> None:
    """Run the plain tests of the module and those of the sandbox.

    :param targets: only these
    """
    if targets is None:
        targets = catalog.of_module() + catalog.of_sandbox()
    sandbox = [one for one in targets if one.test_class.path.startswith("dev/")]
    plain = [one for one in targets if one.test_class.is_plain]
    if plain:
        names = [f"odoo.addons.{odoo.MODULE}.{_dotted(target)}" for target in plain]
        _unittest(report, "tools", names, odoo.environment({}))
    if sandbox:
        names = [_dotted(target).removeprefix("dev.") for target in sandbox]
        env = {**os.environ, "PYTHONPATH": str(paths.DEV)}
        _unittest(report, "sandbox", names, env)


def _dotted(target: Target) -> str:
    return f"{target.test_class.module}.{target.name}"


def _unittest(report: Report, what: str, names: list[str], env: dict[str, str]) -> None:
    output: list[str] = []
    status = processes.watch(
        [sys.executable, "-m", "unittest", *names],
        env,
        paths.log_file(f"test-unit-{what}"),
        output.append,
        lambda: report.alive(f"the tests of {what}"),
        limit=600,
    )
    _count(report, what, status, output)


def _count(report: Report, what: str, status: int, output: list[str]) -> None:
    text = "".join(output)
    ran = sum(int(found[1]) for line in output if (found := _RAN.match(line)))
    skipped = sum(map(int, _SKIPPED.findall(output[-1] if output else "")))
    failed = _failed(output)
    if failed or status or not ran:
        count = len(failed) or 1
        report.failed(f"{what}: {count} of {ran} tests", text, count)
    if skipped:
        report.skipped(what, "see their reasons in the files", skipped)
    good = ran - skipped - sum(not _NO_TEST.match(name) for name in failed)
    if good > 0:
        report.passed(f"{what}: {good} tests", good)


def _failed(output: list[str]) -> list[str]:
    """Return the tests that failed; all subtests count as their one test."""
    found = [match.groups() for line in output if (match := _FAILED.match(line))]
    whole = [name for name, subtest in found if not subtest]
    return whole + list({name for name, subtest in found if subtest} - set(whole))
