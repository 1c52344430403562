"""The wheel: built, unpacked, found by Odoo, holding the module and nothing else."""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from ..machine import paths, sources
from ..machine.report import Report
from ..servers import odoo

_INSIDE = f"odoo/addons/{odoo.MODULE}/"
# What is in the checkout for developers and not for Odoo.
_NOT_SHIPPED = (".", "dev/", "pyproject.toml", "requirements.txt")

_FIND = f"""
from odoo.modules.module import Manifest
found = Manifest.for_addon({odoo.MODULE!r})
print(found and found.path, found and found.version)
"""


def run(report: Report) -> None:
    """Build the wheel from a copy of the checkout and look at it."""
    with tempfile.TemporaryDirectory() as folder:
        copy, target = Path(folder, "any-name"), Path(folder, "site")
        sources.copy_to(copy)
        # Isolated, pip would fetch hatchling once more.
        built = _python("build", "--wheel", "--no-isolation", "--outdir", folder, copy)
        report.check("builds", built)
        for wheel in Path(folder).glob("*.whl"):
            report.check("holds the module and nothing else", _differences(wheel))
            installed = _python(
                *("pip", "install", "--quiet", "--quiet", "--no-deps"),
                *("--target", target, wheel),
            )
            report.check("installs", installed)
            report.check("is found by Odoo", _not_found(target))


def _python(*arguments) -> str:
    result = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return result.stdout if result.returncode else ""


def _differences(wheel: Path) -> str:
    """Return which files are missing and which are too many, or ""."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        _INSIDE + name for name in sources.files() if not name.startswith(_NOT_SHIPPED)
    }
    return "\n".join(
        [f"missing: {name}" for name in sorted(expected - names)]
        + [f"too much: {name}" for name in sorted(names - expected)]
    )


def _not_found(target: Path) -> str:
    """Return what Odoo says when it does not find the module in ``target``."""
    path = os.pathsep.join([str(target), str(paths.odoo_path())])
    result = subprocess.run(
        [sys.executable, "-c", _FIND],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    expected = target / _INSIDE.rstrip("/")
    if result.stdout.startswith(f"{expected} "):
        return ""
    return f"expected {expected}, found {result.stdout}{result.stderr}"
