"""Where keys come from: environment, odoo.conf, or the database; in this order."""

import contextlib
import functools
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import config

from ...tools.errors import MailgunError, UnreadableKey
from ...tools.vault import Vault, make_master_key, read_master_key
from ..transactions.words import in_words

KEYS = ("api_key", "webhook_signing_key", "webhook_signing_key_previous")

MASTER_KEY = "secret_key"


@dataclass(frozen=True)
class Key:
    """What is known of a key: where it is, and itself, if it can be had.

    :param place: "outside" the database, "stored" in it, or "" = not set
    :param secret: in clear, "" when there is none to use
    :param trouble: why a stored one cannot be opened here, or None
    """

    place: str = ""
    secret: str = field(default="", repr=False)
    trouble: UnreadableKey | None = None

    def open(self):
        """Return the key in clear, or "" when it is not set.

        :raise UnreadableKey: it is stored but cannot be opened here
        """
        if self.trouble:
            raise self.trouble
        return self.secret

    def describe(self, env):
        """Say in words where it is, without showing it."""
        if self.trouble:
            return in_words(env, self.trouble)
        if self.place == "outside":
            return env._("Set outside the database (environment or odoo.conf)")
        if not self.place:
            return env._("Not set")
        return env._("Stored, ends in …%s", self.secret[-4:])


def find(env, domain_name, name, closed):
    """Return what is known of a key; the one from outside the database comes first.

    :param str domain_name: of the ``mailgun.domain``
    :param str name: of ``KEYS``
    :param str closed: the stored one, if any
    :rtype: Key
    """
    if outside := from_outside(name, domain_name):
        return Key("outside", outside)
    if not closed:
        return Key()
    try:
        return Key("stored", open_closed(env, closed))
    except UnreadableKey as error:
        return Key("stored", trouble=error)


def from_outside(name, domain_name=""):
    """Return a value set outside the database, or "".

    For ``api_key`` of mail.example.com: the environment variable
    ``MAILGUN_API_KEY_MAIL_EXAMPLE_COM``, else the option
    ``mailgun_api_key_mail_example_com`` of odoo.conf.
    """
    option = _option(name, domain_name)
    return (os.environ.get(option.upper()) or config.get(option) or "").strip()


def close(env, secret):
    """Return ``secret`` as it may be stored in this database.

    :raise UnreadableKey: there is a master key that cannot be read
    """
    master = from_outside(MASTER_KEY) or make_master_key(_master_key_file())
    return Vault(master, _database(env)).close(secret)


def open_closed(env, closed):
    """Return in clear what ``close`` has returned.

    :raise UnreadableKey: it was closed elsewhere, or the master key cannot be read
    """
    # Looked at each time: whoever has lost it is told so by all processes alike.
    master = from_outside(MASTER_KEY) or read_master_key(_master_key_file())
    return _open(master, _database(env), closed)


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


def _master_key_file():
    return Path(config["data_dir"], "mail_mailgun", "master.key")


def _database(env):
    return env["ir.config_parameter"].sudo().get_param("database.uuid")


# Each post asks for a key, and opening one takes as long as all the rest of checking
# it. Whoever has another master key, database or ciphertext does not get it from here.
@functools.lru_cache(maxsize=256)
def _open(master, database, closed):
    return Vault(master, database).open(closed)


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
            for name in self._secrets:
                # A form that has just one of them filled in keeps it.
                if name not in record._cache:
                    record[name] = False

    def _inverse_api_key(self):
        self._store_secret("api_key")

    def _store_secret(self, name):
        # An empty value comes from a form that was saved without touching the field:
        # to forget a key there is an action.
        for record in self.filtered(name):
            with as_user_error(self.env):
                record[f"{name}_closed"] = close(self.env, record[name].strip())
        # The web client reads back what it has saved, in the same transaction.
        self.invalidate_recordset([name])
