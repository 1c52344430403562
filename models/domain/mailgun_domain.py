import secrets

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ...tools.addresses import DOMAIN_NAME, in_dns
from ...tools.api.client import MailgunClient
from ...tools.errors import SettingError
from ..transactions.locks import lock_rows
from . import keys as secret_keys


class MailgunDomain(models.Model):
    """A domain at Mailgun: where mail leaves from, arrives at, and with which keys."""

    _name = "mailgun.domain"
    _description = "Mailgun Domain"
    _inherit = ["mailgun.api.key.mixin"]
    _order = "name"
    _secrets = secret_keys.KEYS

    name = fields.Char(
        "Domain",
        required=True,
        index=True,
        help="The domain as it is called at Mailgun, e.g. mail.yourcompany.com",
    )
    active = fields.Boolean(default=True)
    region = fields.Selection(
        [("us", "United States"), ("eu", "European Union")],
        required=True,
        default="us",
        help="Where the domain was created at Mailgun. The name does not tell, and a "
        "domain exists in one region only.",
    )
    state = fields.Selection(
        [("draft", "To confirm"), ("ready", "In use")],
        required=True,
        readonly=True,
        copy=False,
        default="draft",
        tracking=True,
        help="Nothing is sent or taken for a domain that is not confirmed. In a copy "
        "of this database every domain waits to be confirmed again.",
    )
    test_mode = fields.Boolean(
        help="Mailgun accepts every mail and delivers none. It still bills them."
    )
    company_id = fields.Many2one("res.company")
    alias_domain_id = fields.Many2one(
        "mail.alias.domain",
        ondelete="restrict",
        help="The addresses that Odoo receives at. Set it when they are not on this "
        "domain itself.",
    )
    mail_server_ids = fields.One2many(
        "ir.mail_server", "mailgun_domain_id", "Outgoing Mail Servers"
    )

    # === KEYS: written in clear, stored closed, never read back === #

    webhook_signing_key = fields.Char(
        compute="_compute_no_secret",
        inverse="_inverse_webhook_signing_key",
        groups="base.group_system",
        copy=False,
        help='Called "HTTP webhook signing key" at Mailgun. Not the API key. For a '
        "domain of a sub-account, the sub-account's key.",
    )
    webhook_signing_key_previous = fields.Char(
        "Previous Signing Key",
        compute="_compute_no_secret",
        inverse="_inverse_webhook_signing_key_previous",
        groups="base.group_system",
        copy=False,
        help="Still accepted, so that no mail is refused while the key is exchanged.",
    )
    webhook_signing_key_closed = fields.Char(groups="base.group_system", copy=False)
    webhook_signing_key_previous_closed = fields.Char(
        groups="base.group_system", copy=False
    )
    api_key_info = fields.Char("API Key State", compute="_compute_key_info")
    webhook_signing_key_info = fields.Char(
        "Signing Key State", compute="_compute_key_info"
    )
    webhook_signing_key_previous_info = fields.Char(
        "Previous Key State", compute="_compute_key_info"
    )

    # === BINDING TO THE DATABASE === #
    # A copy of a database has all that the original has, its UUID included. What tells
    # the two apart is made at Confirm, and Confirm in a copy makes another one. It
    # marks the route at Mailgun and the mail that is sent.

    identity = fields.Char(readonly=True, copy=False)
    # Before this database took over: mail that was sent then is still ours.
    former_identity = fields.Char(readonly=True, copy=False)
    database_uuid = fields.Char(readonly=True, copy=False)
    database_name = fields.Char(readonly=True, copy=False)
    is_foreign = fields.Boolean(
        "Confirmed elsewhere",
        compute="_compute_is_foreign",
        help="The domain was confirmed in another database, of which this is a copy.",
    )

    _name_unique = models.Constraint(
        "UNIQUE(name)", "This domain exists already, perhaps archived."
    )

    # === COMPUTE METHODS === #

    @api.depends(*(f"{name}_closed" for name in secret_keys.KEYS), "name")
    def _compute_key_info(self):
        for domain in self:
            for name in secret_keys.KEYS:
                domain[f"{name}_info"] = domain._key(name).describe(self.env)

    @api.depends("state", "database_uuid", "database_name")
    def _compute_is_foreign(self):
        here = self._database_identity()
        for domain in self:
            there = (domain.database_uuid, domain.database_name)
            domain.is_foreign = domain.state == "ready" and there != here

    def _inverse_webhook_signing_key(self):
        for domain in self.filtered("webhook_signing_key"):
            current = domain._key("webhook_signing_key").secret
            if current and current != domain.webhook_signing_key.strip():
                domain.webhook_signing_key_previous_closed = (
                    domain.webhook_signing_key_closed
                )
        self._store_secret("webhook_signing_key")

    def _inverse_webhook_signing_key_previous(self):
        self._store_secret("webhook_signing_key_previous")

    # === CONSTRAINTS AND CRUD === #

    @api.constrains("name")
    def _check_name(self):
        for domain in self:
            if not DOMAIN_NAME.fullmatch(domain.name):
                raise ValidationError(
                    self.env._(
                        "“%s” is not a domain name. Enter it as Mailgun shows it, such "
                        "as mail.yourcompany.com.",
                        domain.name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._normalize_name(vals) for vals in vals_list])

    def write(self, vals):
        # Jobs and senders write the same row. Who comes too late begins again, and it
        # is no error in the log.
        lock_rows(self)
        return super().write(self._normalize_name(vals))

    def copy_data(self, default=None):
        vals_list = super().copy_data(default=default)
        for domain, vals in zip(self, vals_list, strict=True):
            vals["name"] = f"copy-of-{domain.name}"
        return vals_list

    @api.model
    def _normalize_name(self, vals):
        if not vals.get("name"):
            return vals
        name = vals["name"].strip().rstrip(".").lower()
        # What cannot be encoded stays, and _check_name says what is wrong with it.
        return {**vals, "name": in_dns(name)}

    # === ACTIONS === #

    def action_confirm(self):
        """Take the domain into use in this very database.

        Where it was confirmed in another one, this is a copy: it goes on by itself, and
        takes nothing from the original.
        """
        here = self._database_identity()
        for domain in self:
            there = (domain.database_uuid, domain.database_name)
            if any(there) and there != here:
                domain._forget_original()
        self._bind()

    def action_become_copy(self):
        """Go on as a copy that nobody could tell from the original so far."""
        self._forget_original()
        self._bind()

    def action_draft(self):
        """Take the domain out of use: nothing is sent for it any more."""
        self.write({"state": "draft"})

    def action_forget_keys(self):
        """Remove every stored key of the domain."""
        self.write({f"{name}_closed": False for name in secret_keys.KEYS})

    # === BUSINESS METHODS === #

    def _bind(self):
        """Note that it is this database which uses the domain."""
        uuid, name = self._database_identity()
        for domain in self:
            domain.identity = domain.identity or secrets.token_hex(8)
        self.write({"state": "ready", "database_uuid": uuid, "database_name": name})

    def _forget_original(self):
        """Forget what belongs to the database of which this one is a copy.

        Each wing forgets what it knows; ``data/neutralize.sql`` does the same.
        """
        return self.write({"identity": False, "former_identity": False})

    def _key(self, name):
        """Return what is known of a key: the only way to one.

        :param str name: ``api_key``, ``webhook_signing_key`` or
            ``webhook_signing_key_previous``
        :rtype: secret_keys.Key
        """
        self.ensure_one()
        closed = self.sudo()[f"{name}_closed"]
        return secret_keys.find(self.env, self.name or "", name, closed)

    def _get_secret(self, name):
        """Return a key in clear, or "" when none is set.

        :param str name: see ``_key``
        :rtype: str
        :raise UnreadableKey: it is stored but cannot be opened here
        """
        return self._key(name).open()

    def _open_client(self):
        """Return a client for this domain's API.

        :rtype: MailgunClient
        :raise SettingError: the domain must not or cannot be used
        """
        self._check_usable()
        key = self._get_secret("api_key")
        if not key:
            raise SettingError(
                self.env._(
                    "The Mailgun domain %s has no API key. Enter one in Settings > "
                    "Technical > Email > Mailgun Domains.",
                    self.name,
                )
            )
        return MailgunClient(self.region, key, self.subaccount or "")

    def _check_usable(self):
        if not self.active:
            raise SettingError(
                self.env._(
                    "The Mailgun domain %s is archived: it sends and receives nothing. "
                    "Unarchive it in Settings > Technical > Email > Mailgun Domains, "
                    "or archive its mail servers as well.",
                    self.name,
                )
            )
        if self.state != "ready":
            raise SettingError(
                self.env._(
                    "The Mailgun domain %s is not confirmed: it sends and takes "
                    "nothing. Open it in Settings > Technical > Email > Mailgun "
                    "Domains and press Confirm.",
                    self.name,
                )
            )
        if self.is_foreign:
            raise SettingError(
                self.env._(
                    "This database is a copy: the Mailgun domain %(domain)s was "
                    "confirmed in another one (%(there)s). Nothing is sent or taken "
                    "here until somebody opens the domain and presses Confirm, or Take "
                    "Over if this database replaces the other one.",
                    there=self.database_name,
                    domain=self.name,
                )
            )

    @api.model
    def _identities(self):
        """Return who this database is at Mailgun: the identities of its domains.

        :rtype: set[str]
        """
        domains = self.with_context(active_test=False).search([])
        names = (*domains.mapped("identity"), *domains.mapped("former_identity"))
        return set(filter(None, names))

    @api.model
    def _database_identity(self):
        uuid = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        return uuid, self.env.cr.dbname
