"""A browser for Odoo's tours: the machine's own, else Debian's, kept in the state."""

import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import paths, processes
from .voice import Voice

FOLDER = paths.STATE / "chromium"
# What odoo/tests/common.py looks for on PATH.
_NAMES = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")

_PAGE = "data:text/html,<p>shown</p>"
_UNPACK = 'for deb in "$1"/*.deb; do dpkg-deb -x "$deb" "$2" || exit; done'
_START = """\
#!/bin/sh
# Chromium with the libraries and fonts that this machine does not have.
here=$(dirname "$(dirname "$(readlink -f "$0")")")
export LD_LIBRARY_PATH={libraries}
export FONTCONFIG_FILE=$here/fonts.conf
export XDG_CACHE_HOME=$here/home XDG_CONFIG_HOME=$here/home
exec "$here/debian/usr/lib/chromium/chromium" "$@"
"""
_FONTS = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
    <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
    <dir>/usr/share/fonts</dir>
    <dir prefix="relative">debian/usr/share/fonts</dir>
</fontconfig>
"""


def path() -> str:
    """Return the PATH on which Odoo finds a browser, the machine's own first."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), str(FOLDER / "bin")])


def ensure(voice: Voice) -> None:
    """Get Chromium if there is no browser and this is Debian."""
    if any(shutil.which(name) for name in _NAMES):
        return
    log = paths.log_file("chromium")
    if _works(FOLDER, log):
        return
    # Without a browser Odoo skips the tours; with a broken one they fail.
    shutil.rmtree(FOLDER, ignore_errors=True)
    if not _is_debian():
        return
    voice.say("Chromium from Debian (100 to 200 MB, the first time) ...")
    if not _get(voice, log):
        voice.say(f"Chromium did not come; {log} says why")


def _is_debian() -> bool:
    try:
        return platform.freedesktop_os_release()["ID"] == "debian"
    except OSError:
        return False


def _works(folder: Path, log: Path) -> bool:
    """Tell whether the unpacked Chromium shows a page."""
    start = folder / "bin" / "chromium"
    if not start.exists():
        return False
    with (
        log.open("ab") as errors,
        tempfile.TemporaryDirectory(
            dir=paths.STATE, ignore_cleanup_errors=True
        ) as profile,
    ):
        # As Odoo starts it.
        command = [str(start), "--headless", "--no-sandbox", "--disable-gpu"]
        command += ["--dump-dom", f"--user-data-dir={profile}", _PAGE]
        try:
            shown = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                timeout=60,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
    return b"<p>shown</p>" in shown.stdout


def _get(voice: Voice, log: Path) -> bool:
    new = FOLDER.with_suffix(".new")
    debs = FOLDER.with_suffix(".apt")
    for folder in (new, debs):
        shutil.rmtree(folder, ignore_errors=True)
    got = _download(voice, log, debs) and _unpack(voice, log, debs, new / "debian")
    shutil.rmtree(debs, ignore_errors=True)
    if not got:
        return False
    _write_start(new)
    if not _works(new, log):
        return False
    new.rename(FOLDER)
    return True


def _download(voice: Voice, log: Path, folder: Path) -> bool:
    """Fetch Chromium's package and those this machine lacks; needs no root."""
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
    install = ["install", "--download-only", "--no-install-recommends", "chromium"]
    # One source of many that does not answer is no reason to give up.
    _run(voice, log, "reading Debian's lists", ["apt-get", "update", *options])
    return _run(voice, log, "downloading", ["apt-get", *install, *options])


def _unpack(voice: Voice, log: Path, debs: Path, target: Path) -> bool:
    target.mkdir(parents=True)
    archives = str(debs / "archives")
    command = ["sh", "-c", _UNPACK, "unpack", archives, str(target)]
    return _run(voice, log, "unpacking", command)


def _run(voice: Voice, log: Path, doing: str, command: list[str]) -> bool:
    status = processes.watch(
        command, dict(os.environ), log, lambda line: None, lambda: voice.alive(doing)
    )
    return status == 0


def _write_start(folder: Path) -> None:
    (folder / "fonts.conf").write_text(_FONTS)
    # Some libraries look for their own parts in absolute folders below these.
    found = {
        library.parent.relative_to(folder)
        for top in ("lib", "usr/lib")
        for library in folder.glob(f"debian/{top}/*-linux-gnu*/**/*.so*")
    }
    libraries = ":".join(f"$here/{path}" for path in sorted(found))
    start = folder / "bin" / "chromium"
    start.parent.mkdir()
    start.write_text(_START.format(libraries=libraries))
    start.chmod(0o755)
