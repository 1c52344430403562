"""Addons of OCA, from PyPI, kept in the state."""

import shutil
import subprocess
import sys
from pathlib import Path

from ..machine import paths
from ..machine.steps import StepFailed


def folder(*names: str) -> Path:
    """Return where these addons are, for Odoo's addons path."""
    return paths.STATE / f"oca-{'-'.join(names)}" / "odoo" / "addons"


def fetch(*names: str) -> None:
    """Get addons that are not there yet.

    :param names: such as ``mail_tracking``
    :raise StepFailed: they cannot be had
    """
    target = folder(*names).parents[1]
    if not target.exists():
        new = target.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        # They depend on each other and on Odoo, which is here already.
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--retries", "1"]
        command += ["--target", str(new)]
        command += [f"odoo-addon-{name.replace('_', '-')}==19.0.*" for name in names]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            words = ended.stderr.strip().splitlines() or ["no reason given"]
            raise StepFailed(f"OCA's {', '.join(names)} cannot be had: {words[-1]}")
        new.rename(target)
