"""Where things lie. ``dev/env.sh`` decides, this only reads it."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DEV = ROOT / "dev"
STATE = Path(os.environ["MAILGUN_DEV_STATE"])
LOGS = STATE / "logs"
DATA = STATE / "data"
SITE = STATE / "site"
# The checkout under the name that Odoo knows it by, whatever its folder is called.
MODULE = SITE / "odoo" / "addons" / "mail_mailgun"


def odoo_path() -> Path:
    """Return the folder to put on Python's path for ``import odoo``."""
    return Path((STATE / "odoo-path").read_text().strip())


def log_file(name: str) -> Path:
    """Return the path of an empty log of this name; the last one is forgotten."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{name}.log"
    path.write_text("")
    return path
