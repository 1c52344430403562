"""Which lines of the module its tests run: a figure for each wing, and no verdict."""

import contextlib
import io
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import coverage

from ..machine import paths
from ..machine.report import Report

_FOLDER = paths.STATE / "coverage"
_NOT_MEASURED = ("dev/*", "tests/*", "migrations/*", "__manifest__.py")


@contextlib.contextmanager
def told(report: Report) -> Iterator[None]:
    """Measure what runs in this context, in other processes, too, and tell of it."""
    if sys.version_info >= (3, 12):
        # Python's own way to watch lines, many times as fast.
        os.environ.setdefault("COVERAGE_CORE", "sysmon")
    _FOLDER.mkdir(parents=True, exist_ok=True)
    measured = coverage.Coverage(
        config_file=str(paths.ROOT / "pyproject.toml"),
        data_file=str(_FOLDER / "data"),
        source=[str(paths.ROOT)],
        omit=[str(paths.ROOT / name) for name in _NOT_MEASURED],
    )
    measured.erase()
    with measured.collect():
        yield
    measured.combine()
    with report.part("coverage"):
        _tell(report, measured)


def _tell(report: Report, measured: coverage.Coverage) -> None:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name in measured.get_data().measured_files():
        _path, statements, _excluded, missing, _text = measured.analysis2(name)
        wing = _wing(Path(name).relative_to(paths.ROOT))
        for key in (wing, "all"):
            counts[key][0] += len(statements)
            counts[key][1] += len(statements) - len(missing)
    for wing in (*sorted(counts.keys() - {"all"}), "all"):
        lines, run = counts[wing]
        share = 100 * run / lines if lines else 100
        report.say(f"{share:5.1f} %  {run:>5} of {lines:>5} lines  {wing}")
    page = _FOLDER / "html"
    with contextlib.redirect_stdout(io.StringIO()):
        measured.html_report(directory=str(page))
    report.say(f"line by line: {page / 'index.html'}")


def _wing(path: Path) -> str:
    return str(path.parent) if len(path.parts) > 1 else "const.py and hooks.py"
