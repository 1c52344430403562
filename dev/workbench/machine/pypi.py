"""What a few checks need of PyPI, kept in the state."""

import shutil
import subprocess
import sys
from pathlib import Path

from .steps import StepFailed


def install(target: Path, *requirements: str) -> Path:
    """Get packages that are not there yet, without what they depend on.

    :param target: the folder
    :param requirements: as pip takes them
    :return: the folder
    :raise StepFailed: they cannot be had
    """
    if target.exists():
        return target
    new = target.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--retries", "1", "--target", str(new)]
    ended = subprocess.run(
        [*command, *requirements], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        words = ended.stderr.strip().splitlines() or ["no reason given"]
        raise StepFailed(f"{', '.join(requirements)} cannot be had: {words[-1]}")
    return new.rename(target)
