"""Programs of Debian's, unpacked into the state folder: without root, and once."""

import os
import platform
import shutil
from pathlib import Path

from . import paths, processes
from .voice import Voice

_UNPACK = 'for deb in "$1"/*.deb; do dpkg-deb -x "$deb" "$2" || exit; done'


def is_here() -> bool:
    """Tell whether this machine is a Debian."""
    try:
        return platform.freedesktop_os_release()["ID"] == "debian"
    except OSError:
        return False


def unpack(voice: Voice, package: str, target: Path, log: Path) -> bool:
    """Unpack a package, and those that it needs and this machine lacks.

    :param target: a folder that is not there yet; it gets ``usr`` and the like
    :param log: where apt's output goes, too
    :return: whether that worked
    """
    debs = target.with_suffix(".apt")
    for folder in (target, debs):
        shutil.rmtree(folder, ignore_errors=True)
    try:
        if not _download(voice, log, package, debs):
            return False
        target.mkdir(parents=True)
        archives = str(debs / "archives")
        command = ["sh", "-c", _UNPACK, "unpack", archives, str(target)]
        return _run(voice, log, "unpacking", command)
    finally:
        shutil.rmtree(debs, ignore_errors=True)


def libraries(tree: Path) -> list[Path]:
    """Return the folders below ``tree`` that hold libraries.

    Some libraries look for their own parts in absolute folders below these.
    """
    found = {
        library.parent
        for top in ("lib", "usr/lib")
        for library in tree.glob(f"{top}/*-linux-gnu*/**/*.so*")
    }
    return sorted(found)


def program(voice: Voice, name: str) -> tuple[str, dict[str, str]] | None:
    """Return a server program of the package of its name, and its environment.

    :return: path and environment; None where it cannot be had
    """
    own = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
    if found := shutil.which(name, path=own):
        return found, dict(os.environ)
    tree = paths.STATE / "debian" / name
    if not tree.exists():
        if not is_here():
            return None
        voice.say(f"{name} from Debian (the first time) ...")
        new, log = tree.with_suffix(".new"), paths.log_file(name)
        if not unpack(voice, name, new, log):
            voice.say(f"{name} did not come; {log} says why")
            return None
        new.rename(tree)
    folders = os.pathsep.join(map(str, libraries(tree)))
    unpacked = os.pathsep.join(str(tree / "usr" / one) for one in ("sbin", "bin"))
    path = shutil.which(name, path=unpacked)
    return path and (path, {**os.environ, "LD_LIBRARY_PATH": folders})


def _download(voice: Voice, log: Path, package: str, folder: Path) -> bool:
    archives = folder / "archives"
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True)
    options = [
        *("-qq", "-o", f"Dir::State::lists={folder / 'lists'}"),
        *("-o", f"Dir::Cache={folder}", "-o", f"Dir::Cache::archives={archives}"),
        *("-o", "Debug::NoLocking=1", "-o", "Acquire::Languages=none"),
        # Apt's own user may not write here.
        *("-o", "APT::Sandbox::User=root"),
    ]
    install = ["install", "--download-only", "--no-install-recommends", package]
    # One source of many that does not answer is no reason to give up.
    _run(voice, log, "reading Debian's lists", ["apt-get", "update", *options])
    return _run(voice, log, "downloading", ["apt-get", *install, *options])


def _run(voice: Voice, log: Path, doing: str, command: list[str]) -> bool:
    status = processes.watch(
        command, dict(os.environ), log, lambda line: None, lambda: voice.alive(doing)
    )
    return status == 0
