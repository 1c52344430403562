"""All tests, or the part asked for (``dev/test``)."""

import contextlib
import re
import sys

from ..fuzz import run as fuzz
from ..machine import processes, sources
from ..machine.report import Report
from ..server_tests import run as server_tests
from . import core_tests, lifecycle, line_coverage, lint, own_tests, wheel
from .odoo_tests import MAIL, MAILINGS


def _run_in_odoo(report: Report) -> None:
    own_tests.run_in_odoo(report, MAIL, MAILINGS)
    lifecycle.run(report)


PARTS = {
    "lint": lint.run,
    "unit": own_tests.run_plain,
    "odoo": _run_in_odoo,
    "wheel": wheel.run,
    "server": server_tests.run,
    "fuzz": fuzz.run,
    "core": core_tests.run,
    "upgrade": lifecycle.run,
}
# The one takes minutes, and changes in the module rarely matter to it; the other is a
# piece of "odoo".
ON_REQUEST = {"core", "upgrade"}
# What is worth measuring: the rest starts the module from far away, or not at all.
MEASURED = {"unit", "odoo"}
# Named, it takes up to an hour; otherwise it is a short one. A number behind it makes
# other posts.
_FUZZ = re.compile(rf"fuzz(?:/({'|'.join(fuzz.PARTS)}))?(?:/(\d{{1,9}}))?")
# One subject of the part of this name.
_SUBJECT = "server/"
_SUBJECTS = [f"{_SUBJECT}{subject.name}" for subject in server_tests.SUBJECTS]


def main() -> int:
    """Run what the arguments name, all but ``ON_REQUEST`` without arguments."""
    processes.exit_on_signals()
    measures = "--coverage" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--coverage"]
    wanted = arguments or (MEASURED if measures else PARTS.keys() - ON_REQUEST)
    long_runs = list(filter(None, map(_FUZZ.fullmatch, arguments)))
    shortly = PARTS.keys() - {run[0] for run in long_runs}
    parts = [name for name in PARTS if name in wanted and name in shortly]
    subjects = [name for name in arguments if name in _SUBJECTS]
    known = {*PARTS, *_SUBJECTS, *(run[0] for run in long_runs)}
    names = [name for name in arguments if name not in known]
    report = Report()
    before = sources.ignored()
    with line_coverage.told(report) if measures else contextlib.nullcontext():
        if names:
            _run_named(report, names)
        for name in parts:
            with report.part(name):
                PARTS[name](report)
        for run in long_runs:
            with report.part("fuzz"):
                parts = fuzz.PARTS[run[1]] if run[1] else sum(fuzz.PARTS.values(), [])
                fuzz.run_long(report, fuzz.LONG, int(run[2] or fuzz.SEED), parts)
        if subjects:
            with report.part("server"):
                chosen = [name.removeprefix(_SUBJECT) for name in subjects]
                server_tests.run(report, chosen)
    if not arguments:
        with report.part("checkout"):
            made = sources.ignored() - before
            report.check("no file was left in the checkout", "\n".join(sorted(made)))
    return report.close()


def _run_named(report: Report, names: list[str]) -> None:
    with report.part("tests"):
        unknown = own_tests.run_named(report, names)
    if unknown:
        sys.exit(
            f"dev/test: there is no {', '.join(sorted(unknown))}.\n"
            f"  Parts: {', '.join(PARTS)}. Subjects: {', '.join(_SUBJECTS)}.\n"
            "  Files: tests/test_….py. Tests: TestClass.test_name"
        )


if __name__ == "__main__":
    sys.exit(main())
