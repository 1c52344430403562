"""A browser for Odoo's tours: the machine's own, else Debian's, kept in the state."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import debian, paths
from .voice import Voice

FOLDER = paths.STATE / "chromium"
# What odoo/tests/common.py looks for on PATH.
_NAMES = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")

_PAGE = "data:text/html,<p>shown</p>"
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
    if not debian.is_here():
        return
    voice.say("Chromium from Debian (100 to 200 MB, the first time) ...")
    if not _get(voice, log):
        voice.say(f"Chromium did not come; {log} says why")


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
    shutil.rmtree(new, ignore_errors=True)
    if not debian.unpack(voice, "chromium", new / "debian", log):
        return False
    _write_start(new)
    if not _works(new, log):
        return False
    new.rename(FOLDER)
    return True


def _write_start(folder: Path) -> None:
    (folder / "fonts.conf").write_text(_FONTS)
    found = debian.libraries(folder / "debian")
    libraries = ":".join(f"$here/{path.relative_to(folder)}" for path in found)
    start = folder / "bin" / "chromium"
    start.parent.mkdir()
    start.write_text(_START.format(libraries=libraries))
    start.chmod(0o755)
