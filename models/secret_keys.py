"""Where keys come from: environment, odoo.conf, or the database; in this order."""

import contextlib
import logging
import os
import re
from pathlib import Path

from odoo.exceptions import UserError
from odoo.tools import config

from ..tools.errors import MailgunError, UnreadableKey
from ..tools.vault import Vault, master_key_file

_logger = logging.getLogger(__name__)

KEYS = ("api_key", "webhook_signing_key", "webhook_signing_key_previous")

MASTER_KEY = "secret_key"


def from_outside(name, domain_name=""):
    """Return a value set outside the database, or "".

    For ``api_key`` of mail.example.com: the environment variable
    ``MAILGUN_API_KEY_MAIL_EXAMPLE_COM``, else the option
    ``mailgun_api_key_mail_example_com`` of odoo.conf.
    """
    parts = ["mailgun", name, domain_name]
    option = re.sub(r"[^a-z0-9]+", "_", "_".join(filter(None, parts)).lower())
    return (os.environ.get(option.upper()) or config.get(option) or "").strip()


def read(domain, name):
    """Return the key ``name`` of a domain in clear, or "" (see ``_get_secret``)."""
    outside = from_outside(name, domain.name or "")
    if outside:
        return outside
    closed = domain[f"{name}_closed"]
    return open_closed(domain.env, closed) if closed else ""


def read_or_log(domain, name):
    """Return the key, or "" with a line in the log when it cannot be read."""
    try:
        return read(domain, name)
    except UnreadableKey as error:
        _logger.warning("Mailgun domain %s, %s: %s", domain.name, name, error)
        return ""


def close(env, secret):
    """Return ``secret`` as it may be stored in this database."""
    return _vault(env).close(secret)


def open_closed(env, closed):
    """Return in clear what ``close`` has returned.

    :raise UnreadableKey: it was closed elsewhere
    """
    return _vault(env).open(closed)


def describe(domain, name):
    """Say in words where a key is, without showing it."""
    if from_outside(name, domain.name or ""):
        return domain.env._("Set outside the database (environment or odoo.conf)")
    if not domain[f"{name}_closed"]:
        return domain.env._("Not set")
    try:
        secret = read(domain, name)
    except (MailgunError, OSError) as error:
        return str(error)
    return domain.env._("Stored, ends in …%s", secret[-4:])


@contextlib.contextmanager
def as_user_error():
    """Show our errors to the user who pressed the button."""
    try:
        yield
    except MailgunError as error:
        raise UserError(str(error)) from error


def _vault(env):
    master = from_outside(MASTER_KEY) or master_key_file(
        Path(config["data_dir"]) / "mail_mailgun" / "master.key"
    )
    uuid = env["ir.config_parameter"].sudo().get_param("database.uuid")
    return Vault(master, uuid)
