"""What can be said of the files without running them."""

import os
import subprocess
import sys
from pathlib import Path

from lxml import etree

from ..machine import paths, sources
from ..machine.report import Report
from . import documents

# It has a script, and no module to run.
_IMPORT_LINTER = "from importlinter import cli; cli.lint_imports_command()"


def run(report: Report) -> None:
    """Check style, imports, documentation and XML."""
    report.check(
        "ruff check", _tool("ruff", "check", "--output-format", "concise", ".")
    )
    report.check("ruff format", _tool("ruff", "format", "--check", "--diff", "."))
    report.check("who imports what", arrows(paths.MODULE))
    report.check("XML is well-formed", _xml_problems())
    report.check("documents render", documents.rendering_problems())
    report.check("links of documents", documents.broken_links())
    report.check("pylint-odoo", _pylint_problems())


def arrows(module: Path) -> str:
    """Return what import-linter says of the contracts in pyproject.toml, or "".

    :param module: the checkout, under the name that Odoo knows it by
    """
    result = subprocess.run(
        [sys.executable, "-c", _IMPORT_LINTER, "--no-logo", "--no-cache"]
        + ["--config", str(module / "pyproject.toml")],
        # Where nothing lies that could be taken for a package of ours.
        cwd=paths.STATE,
        env={
            **os.environ,
            "COLUMNS": "200",
            "PYTHONPATH": os.pathsep.join([str(module.parent), str(module / "dev")]),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return result.stdout.strip() if result.returncode else ""


def _tool(*arguments: str) -> str:
    """Run a Python tool in the checkout; its output counts if it fails."""
    result = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=paths.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return result.stdout.strip() if result.returncode else ""


def _pylint_problems() -> str:
    config = paths.ROOT / "pyproject.toml"
    found = _tool("pylint", f"--rcfile={config}", "--jobs=2", str(paths.MODULE))
    return found.replace(f"{paths.MODULE}/", "")


def _xml_problems() -> str:
    problems = []
    for name in sources.files(".xml") + sources.files(".svg"):
        try:
            etree.parse(paths.ROOT / name)
        except etree.XMLSyntaxError as error:
            problems.append(f"{name}: {error}")
    return "\n".join(problems)
