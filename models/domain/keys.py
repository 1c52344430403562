"""Where keys come from: environment, odoo.conf, or the database; in this order."""

import contextlib
import functools
import logging
import os
import re
from pathlib import Path

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import config

from ...tools.errors import MailgunError, UnreadableKey
from ...tools.vault import Vault, master_key_file
from ..transactions.words import in_words

_logger = logging.getLogger(__name__)

KEYS = ("api_key", "webhook_signing_key", "webhook_signing_key_previous")

MASTER_KEY = "secret_key"


def from_outside(name, domain_name=""):
    """Return a value set outside the database, or "".

    For ``api_key`` of mail.example.com: the environment variable
    ``MAILGUN_API_KEY_MAIL_EXAMPLE_COM``, else the option
    ``mailgun_api_key_mail_example_com`` of odoo.conf.
    """
    option = _option(name, domain_name)
    return (os.environ.get(option.upper()) or config.get(option) or "").strip()


def read(domain, name):
    """Return the key ``name`` of a domain in clear, or "" (see ``_get_secret``)."""
    closed = domain[f"{name}_closed"]
    return choose(domain.env, domain.name or "", name, closed)


def choose(env, domain_name, name, closed):
    """Return a key in clear: the one from outside the database, else the stored one.

    :param str closed: the stored one, or ""
    :return: the key, or "" when there is none
    :raise UnreadableKey: when it is stored but cannot be opened here
    """
    outside = from_outside(name, domain_name)
    return outside or (open_closed(env, closed) if closed else "")


def read_or_log(domain, name):
    """Return the key, or "" with a line in the log when it cannot be read."""
    closed = domain[f"{name}_closed"]
    return choose_or_log(domain.env, domain.name or "", name, closed)


def choose_or_log(env, domain_name, name, closed):
    """Return the key (see ``choose``), or "" with a line in the log."""
    try:
        return choose(env, domain_name, name, closed)
    except UnreadableKey as error:
        _logger.warning("Mailgun domain %s, %s: %s", domain_name, name, error)
        return ""


def close(env, secret):
    """Return ``secret`` as it may be stored in this database."""
    return _vault(*_vault_keys(env)).close(secret)


def open_closed(env, closed):
    """Return in clear what ``close`` has returned.

    :raise UnreadableKey: it was closed elsewhere
    """
    return _open(*_vault_keys(env), closed)


def describe(domain, name):
    """Say in words where a key is, without showing it."""
    if from_outside(name, domain.name or ""):
        return domain.env._("Set outside the database (environment or odoo.conf)")
    if not domain[f"{name}_closed"]:
        return domain.env._("Not set")
    try:
        secret = read(domain, name)
    except (MailgunError, OSError) as error:
        return in_words(domain.env, error)
    return domain.env._("Stored, ends in …%s", secret[-4:])


@contextlib.contextmanager
def as_user_error(env):
    """Show our errors to the user who pressed the button, in that user's language."""
    try:
        yield
    except MailgunError as error:
        raise UserError(in_words(env, error)) from error


@functools.cache
def _option(name, domain_name):
    parts = ["mailgun", name, domain_name]
    return re.sub(r"[^a-z0-9]+", "_", "_".join(filter(None, parts)).lower())


def _vault_keys(env):
    """Return what a vault is made from: master key or "", its file, the database."""
    file = os.path.join(config["data_dir"], "mail_mailgun", "master.key")
    uuid = env["ir.config_parameter"].sudo().get_param("database.uuid")
    return from_outside(MASTER_KEY), file, uuid


# Each post asks for a key, and opening one takes as long as all the rest of checking
# it. Whoever has another master key, database or ciphertext does not get it from here.
@functools.lru_cache(maxsize=256)
def _open(master, file, uuid, closed):
    return _vault(master, file, uuid).open(closed)


def _vault(master, file, uuid):
    return Vault(master or master_key_file(Path(file)), uuid)


class MailgunApiKeyMixin(models.AbstractModel):
    """Fields for keys: written in clear, stored closed, never read back.

    A model names them in ``_secrets``; each ``x`` has a stored ``x_closed``.
    """

    _name = "mailgun.api.key.mixin"
    _description = "Keys that are stored closed"
    _secrets = ("api_key",)

    api_key = fields.Char(
        "API Key",
        compute="_compute_no_secret",
        inverse="_inverse_api_key",
        groups="base.group_system",
        copy=False,
        help="A Mailgun API key, or the domain's sending key if it shall only send.",
    )
    api_key_closed = fields.Char(groups="base.group_system", copy=False)

    def _compute_no_secret(self):
        for record in self:
            for field in self._secrets:
                # A form that has just one of them filled in keeps it.
                if field not in record._cache:
                    record[field] = False

    def _inverse_api_key(self):
        self._store_secret("api_key")

    def _store_secret(self, name):
        # An empty value comes from a form that was saved without touching the field:
        # to forget a key there is an action.
        for record in self.filtered(name):
            secret = record[name].strip()
            record[f"{name}_closed"] = close(self.env, secret)
        # The web client reads back what it has saved, in the same transaction.
        self.invalidate_recordset([name])
