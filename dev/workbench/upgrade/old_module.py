"""The code of an earlier version, where Odoo finds it."""

import os
import shutil
import tarfile
from pathlib import Path

from ..machine import paths

VERSION = "19.0.1.0.0"
_ARCHIVE = Path(__file__).with_name(f"{VERSION}.tar.bz2")


def python_path() -> str:
    """Unpack the module; return the ``PYTHONPATH`` with which Odoo finds that one."""
    site = paths.STATE / f"site-{VERSION}"
    shutil.rmtree(site, ignore_errors=True)
    with tarfile.open(_ARCHIVE) as archive:
        # The early releases of Python 3.10 and 3.11 do not know it, and trust archives.
        archive.extraction_filter = getattr(
            tarfile, "data_filter", lambda one, _to: one
        )
        archive.extractall(site / "odoo" / "addons")
    return os.pathsep.join([str(site), str(paths.odoo_path())])
