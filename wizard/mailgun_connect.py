from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.domain import keys as secret_keys
from ..models.domain.public_url import public_url_trouble
from ..tools.api.client import MailgunClient
from ..tools.api.keys import looks_like, probe
from ..tools.api.management import Management
from ..tools.errors import ApiError


class MailgunConnect(models.TransientModel):
    """From an API key to a domain that sends and receives.

    Two steps: a key is tried in both regions, then one of its domains is connected.
    Whatever could not be done at Mailgun is named on the domain's form afterwards.
    """

    _name = "mailgun.connect"
    _description = "Connect a Mailgun Domain"
    _inherit = ["mailgun.api.key.mixin"]
    _secrets = ("api_key", "webhook_signing_key")

    step = fields.Selection(
        [("key", "Key"), ("domain", "Domain")], required=True, default="key"
    )
    region = fields.Selection(
        [("us", "United States"), ("eu", "European Union")],
        required=True,
        default="us",
        help="Where your domains are at Mailgun. Not sure? The other region is tried "
        "as well.",
    )
    webhook_signing_key = fields.Char(
        compute="_compute_no_secret",
        inverse="_inverse_webhook_signing_key",
        help='Called "HTTP webhook signing key" at Mailgun, under API Security.',
    )
    webhook_signing_key_closed = fields.Char()
    subaccount = fields.Char("Sub-account ID")
    sending_domain = fields.Char(
        "Domain",
        help="Only for a domain's sending key, which cannot list domains.",
    )
    key_kind = fields.Selection([("api", "API key"), ("sending", "Sending key")])
    notice = fields.Char()
    choice_ids = fields.One2many("mailgun.connect.choice", "connect_id")
    choice_id = fields.Many2one(
        "mailgun.connect.choice",
        "Domain to Connect",
        domain="[('connect_id', '=', id)]",
    )
    mail_server_id = fields.Many2one(
        "ir.mail_server",
        "Use Existing Server",
        domain="[('owner_user_id', '=', False)]",
        help="Empty: a new outgoing mail server is created.",
    )
    alias_domain_id = fields.Many2one(
        "mail.alias.domain",
        "Addresses in Odoo",
        help="The alias domain whose mail arrives at this Mailgun domain. Empty: one "
        "of the same name is created.",
    )
    use_for_company = fields.Boolean(
        "Use for This Company",
        help="Replies come to catchall@ of this domain, notices leave from "
        "notifications@ of it.",
    )
    company_alias_domain_id = fields.Many2one(
        "mail.alias.domain", compute="_compute_company_alias_domain_id"
    )
    other_companies = fields.Char(compute="_compute_other_companies")
    move_aliases = fields.Boolean(
        help="The company's aliases move to this domain as well, unless their name is "
        "taken there. Disconnect moves them back.",
    )
    alias_count = fields.Integer("Aliases to Move", compute="_compute_alias_count")
    public_url = fields.Char("Public Address of Odoo")
    public_url_warning = fields.Char(compute="_compute_public_url_warning")

    # === COMPUTE METHODS === #

    @api.depends("choice_id")
    def _compute_company_alias_domain_id(self):
        for wizard in self:
            wizard.company_alias_domain_id = wizard._company().alias_domain_id

    @api.depends("choice_id", "alias_domain_id")
    def _compute_other_companies(self):
        for wizard in self:
            domain = wizard._known_domain()
            others = domain._companies_to_move(
                wizard._company(), wizard.alias_domain_id
            )
            others |= wizard.alias_domain_id.sudo().company_ids | domain.company_id
            others -= self.env.company
            wizard.other_companies = ", ".join(others.sudo().mapped("name"))

    def _company(self):
        """Return whose domain it is or is going to be."""
        return self._known_domain().company_id or self.env.company

    @api.depends("choice_id", "alias_domain_id")
    def _compute_alias_count(self):
        for wizard in self:
            aliases = self.env["mailgun.domain"]._aliases_elsewhere(
                wizard._company(), wizard.alias_domain_id
            )
            wizard.alias_count = len(aliases)

    @api.depends("public_url")
    def _compute_public_url_warning(self):
        for wizard in self:
            wizard.public_url_warning = public_url_trouble(self.env, wizard.public_url)

    def _inverse_webhook_signing_key(self):
        self._store_secret("webhook_signing_key")

    @api.onchange("choice_id")
    def _onchange_choice_id(self):
        name = self.choice_id.name
        same = self.env["mail.alias.domain"].search([("name", "=", name)], limit=1)
        self.alias_domain_id = same
        domain = self._known_domain()
        self.use_for_company = domain._is_for_company(self._company(), same)
        # Left behind they would get no mail, unless another server fetches it.
        self.move_aliases = not domain._is_other_server_fetching()

    # === ACTIONS === #

    def action_find_domains(self):
        """Try the key, and go on to its domains.

        :raise UserError: what is wrong with the key, and where to find the right one
        """
        self.ensure_one()
        key = self._read("api_key")
        if not key:
            raise UserError(self.env._("Enter the API key first."))
        name = (self.sending_domain or "").strip().lower()
        with secret_keys.as_user_error(self.env):
            finding = probe(key, self.region, name, self.subaccount or "")
        if not finding.kind:
            raise UserError(self._explain_refusal(key, finding.refusal))
        self._offer(finding)
        return self._reopen()

    def action_back(self):
        """Go back to the key."""
        self.step = "key"
        return self._reopen()

    def action_connect(self):
        """Set the chosen domain up at Mailgun and in Odoo, and show it.

        :raise UserError: nothing could be done at all
        """
        self.ensure_one()
        if not self.choice_id:
            raise UserError(self.env._("Choose the domain to connect."))
        domain = self._save_domain()
        if self.key_kind == "api":
            with secret_keys.as_user_error(self.env), self._client() as client:
                self._read_signing_key(Management(client), domain)
                self._setup_mail(domain)
                domain._provision(Management(client))
        else:
            self._setup_mail(domain)
        # The domain has the keys now, and a copy of the database finds none here.
        self.unlink()
        return {
            "type": "ir.actions.act_window",
            "res_model": "mailgun.domain",
            "res_id": domain.id,
            "view_mode": "form",
            "target": "current",
        }

    # === STEPS === #

    def _offer(self, finding):
        """Put the domains that were found up for choice."""
        values = [
            {"name": one.name, "region": one.region, "state": one.state or "unknown"}
            for one in finding.domains
        ]
        self.choice_ids = [
            fields.Command.clear(),
            *(fields.Command.create(one) for one in values),
        ]
        self.key_kind = finding.kind
        self.step = "domain"
        self.notice = self._region_notice(finding)
        connected = self.env["mailgun.domain"].search([]).mapped("name")
        fresh = self.choice_ids.filtered(lambda one: one.name not in connected)
        # Its own sandbox domain comes with every account, and is not for customers.
        fresh = fresh.filtered(lambda one: not one.name.startswith("sandbox")) or fresh
        self.choice_id = (fresh or self.choice_ids)[:1]
        self._onchange_choice_id()
        base = self.env["ir.config_parameter"].sudo().get_param("web.base.url")
        self.public_url = self._known_domain().public_url or base

    def _region_notice(self, finding):
        regions = {one.region for one in finding.domains}
        if not finding.domains:
            return self.env._(
                "Mailgun accepts the key and has no domain yet. Add one in Mailgun's "
                "control panel (Sending > Domains), then come back."
            )
        if self.region not in regions:
            self.region = regions.pop()
            names = dict(self._fields["region"].selection)
            return self.env._(
                "Your domains are in the other region: %s. It was chosen for you.",
                names[self.region],
            )
        return False

    def _explain_refusal(self, key, refusal):
        kind = looks_like(key)
        if kind == "signing":
            return self.env._(
                "Mailgun does not accept this key. It has the shape of the webhook "
                "signing key; what is needed here is an API key, from Mailgun's "
                "control panel under API Security. The signing key is then read from "
                "Mailgun."
            )
        if kind == "public":
            return self.env._(
                "This is a public validation key. What is needed here is a private API "
                "key, from Mailgun's control panel under API Security."
            )
        return self.env._(
            "Mailgun accepts this key in neither region (%s). Copy it anew from "
            "Mailgun's control panel under API Security. If it is the sending key of "
            "one domain, enter that domain below the key as well.",
            refusal or self.env._("no reason given"),
        )

    def _known_domain(self):
        domains = self.env["mailgun.domain"].with_context(active_test=False)
        return domains.search([("name", "=", self.choice_id.name)], limit=1)

    def _save_domain(self):
        """Create or update the Mailgun domain with what was entered."""
        domain = self._known_domain()
        base = self.env["ir.config_parameter"].sudo().get_param("web.base.url", "")
        public_url = (self.public_url or "").strip().rstrip("/")
        values = {
            "active": True,
            "region": self.choice_id.region,
            "subaccount": self.subaccount,
            "api_key": self._read("api_key"),
            "webhook_signing_key": self._read("webhook_signing_key"),
            "key_kind": self.key_kind,
            "public_url": public_url if public_url != base.rstrip("/") else False,
        }
        if domain:
            domain.write(values)
        else:
            own = {"name": self.choice_id.name, "company_id": self.env.company.id}
            domain = domain.create({**values, **own})
        domain.action_confirm()
        return domain

    def _setup_mail(self, domain):
        domain._setup_mail(
            self.mail_server_id,
            self.alias_domain_id,
            self.use_for_company,
            self.use_for_company and self.move_aliases,
        )

    def _read_signing_key(self, account, domain):
        try:
            domain.webhook_signing_key = account.get_signing_key()
        except ApiError as error:
            # The form asks for it then, and receiving says why it does not work yet.
            domain._note_refusal(error)

    def _client(self):
        return MailgunClient(
            self.choice_id.region, self._read("api_key"), self.subaccount or ""
        )

    def _read(self, name):
        closed = self[f"{name}_closed"]
        with secret_keys.as_user_error(self.env):
            return secret_keys.open_closed(self.env, closed) if closed else ""

    def _reopen(self):
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
            "name": self.env._("Connect a Mailgun Domain"),
        }


class MailgunConnectChoice(models.TransientModel):
    """A domain that the key found at Mailgun."""

    _name = "mailgun.connect.choice"
    _description = "Domain to Connect"
    _order = "id"
    _rec_name = "name"

    connect_id = fields.Many2one("mailgun.connect", required=True, ondelete="cascade")
    name = fields.Char(required=True)
    region = fields.Char(required=True)
    state = fields.Char(required=True)

    @api.depends("name", "region", "state")
    def _compute_display_name(self):
        words = {
            "active": self.env._("ready to send"),
            "unverified": self.env._("DNS records to be set"),
            "disabled": self.env._("disabled by Mailgun"),
        }
        for choice in self:
            choice.display_name = self.env._(
                "%(name)s (%(region)s, %(state)s)",
                name=choice.name,
                region=choice.region.upper(),
                state=words.get(choice.state, choice.state),
            )
