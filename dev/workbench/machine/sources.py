"""The files of the checkout, without what Git ignores."""

import shutil
import subprocess
from pathlib import Path

from . import paths


def files(suffix: str = "") -> list[str]:
    """Return the paths of all files, relative to the checkout, sorted.

    :param suffix: only those that end so
    """
    found = _from_git()
    if found is None:
        found = _from_folder()
    return sorted(
        name
        for name in found
        if name.endswith(suffix) and (paths.ROOT / name).is_file()
    )


def copy_to(target: Path, suffix: str = "") -> None:
    """Copy the files to another folder.

    :param suffix: only those that end so
    """
    for name in files(suffix):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(paths.ROOT / name, target / name)


def ignored() -> set[str]:
    """Return what lies in the checkout although Git ignores it."""
    return set(_git("--others", "--ignored", "--exclude-standard") or ())


def _from_git() -> list[str] | None:
    return _git("--cached", "--others", "--exclude-standard")


def _git(*arguments: str) -> list[str] | None:
    """Return what ``git ls-files`` prints, or None where there is no repository."""
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-z", *arguments],
            cwd=paths.ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return [name for name in listing.split("\0") if name]


def _from_folder() -> list[str]:
    return [
        str(path.relative_to(paths.ROOT))
        for path in paths.ROOT.rglob("*")
        if not {".git", "__pycache__"} & set(path.parts)
    ]
