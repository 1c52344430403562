"""All tests, or the part asked for (``dev/test``)."""

import sys

from ..machine import processes, sources
from ..machine.report import Report
from ..server_tests import run as server_tests
from . import catalog, core_tests, database_tests, lint, unit, wheel

PARTS = {
    "lint": lint.run,
    "unit": unit.run,
    "odoo": database_tests.run,
    "wheel": wheel.run,
    "server": server_tests.run,
    "core": core_tests.run,
    "upgrade": database_tests.run_lifecycle,
}
# The one takes minutes, and changes in the module rarely matter to it; the other is a
# piece of "odoo".
ON_REQUEST = {"core", "upgrade"}
# One subject of the part of this name.
_SUBJECT = "server/"


def main() -> int:
    """Run what the arguments name, all but ``ON_REQUEST`` without arguments."""
    processes.exit_on_signals()
    arguments = sys.argv[1:]
    wanted_parts = arguments or PARTS.keys() - ON_REQUEST
    parts = [name for name in PARTS if name in wanted_parts]
    targets = [
        target
        for wanted in arguments
        if wanted not in PARTS and not wanted.startswith(_SUBJECT)
        for target in _find_or_exit(wanted)
    ]
    subjects = [
        _subject_or_exit(wanted) for wanted in arguments if wanted.startswith(_SUBJECT)
    ]
    report = Report()
    before = sources.ignored()
    for name in parts:
        with report.part(name):
            PARTS[name](report)
    if targets:
        _run_targets(report, targets)
    if subjects:
        with report.part("server"):
            server_tests.run(report, subjects)
    if not arguments:
        with report.part("checkout"):
            made = sources.ignored() - before
            report.check("no file was left in the checkout", "\n".join(sorted(made)))
    return report.close()


def _find_or_exit(wanted: str) -> list[catalog.Target]:
    targets = catalog.find(wanted)
    if not targets:
        sys.exit(
            f"dev/test: there is no part, file, class or test {wanted!r}.\n"
            f"  Parts: {', '.join(PARTS)}. Files: tests/test_….py. "
            "Tests: TestClass.test_name"
        )
    return targets


def _subject_or_exit(wanted: str) -> str:
    names = [subject.name for subject in server_tests.SUBJECTS]
    name = wanted.removeprefix(_SUBJECT)
    if name not in names:
        sys.exit(
            f"dev/test: there is no subject {name!r}.\n  Subjects: {', '.join(names)}"
        )
    return name


def _run_targets(report: Report, targets: list[catalog.Target]) -> None:
    in_odoo = [
        target
        for target in targets
        if not target.test_class.is_plain
        and not target.test_class.path.startswith("dev/")
    ]
    others = [target for target in targets if target not in in_odoo]
    if others:
        with report.part("unit"):
            unit.run(report, others)
    if in_odoo:
        with report.part("odoo"):
            database_tests.run(report, in_odoo)


if __name__ == "__main__":
    sys.exit(main())
