from odoo import api, fields, models

from ...const import MAX_MESSAGE_MB
from ...tools.api.keys import looks_like, probe
from ...tools.api.management import Management
from ...tools.errors import ApiError, DomainBarred, SettingError
from . import keys as secret_keys


class MailgunDomain(models.Model):
    """What a domain needs inside Odoo, and whether its key works."""

    _inherit = "mailgun.domain"

    key_kind = fields.Selection(
        [("api", "API key"), ("sending", "Sending key")],
        "Kind of Key",
        readonly=True,
        copy=False,
        help="A sending key may send, and do nothing else.",
    )
    incoming_server_ids = fields.One2many(
        "fetchmail.server", "mailgun_domain_id", "Incoming Mail Servers"
    )
    # What we have created or changed in Odoo, for Disconnect to take back.
    odoo_footprint = fields.Json(readonly=True, copy=False)
    parent_name = fields.Char("Parent Domain", compute="_compute_parent_name")
    send_as_parent = fields.Boolean(
        help="Mail keeps its sender at the parent domain. It is aligned for DMARC "
        "unless that domain wants DKIM aligned strictly (adkim=s).",
    )

    @api.depends("name")
    def _compute_parent_name(self):
        for domain in self:
            _host, _dot, parent = (domain.name or "").partition(".")
            domain.parent_name = parent if "." in parent else False

    def write(self, vals):
        result = super().write(vals)
        if "send_as_parent" in vals:
            for domain in self:
                domain.mail_server_ids.from_filter = domain._from_filter()
        return result

    def action_test_connection(self):
        """Ask Mailgun whether key, region and domain fit together.

        :return: a notification that says what was found, and what to repair
        """
        self.ensure_one()
        return self._ask_mailgun(self._test_connection)

    def action_setup_mail(self):
        """Create what Odoo needs to send and receive with the domain, once.

        What is there already is left as it is.
        """
        self.ensure_one()
        self._setup_mail()

    def action_disconnect(self):
        """Take back what was created at Mailgun and in Odoo, and go out of use.

        What somebody has changed or uses by now stays. Keys are kept: to remove them
        there is another button.

        :raise UserError: Mailgun cannot be asked now, so nothing was done
        """
        self.ensure_one()
        with secret_keys.as_user_error(self.env), self._open_client() as client:
            self._unprovision(Management(client))
        self._remove_setup()
        self.action_draft()

    # === WHAT ODOO NEEDS === #

    def _setup_mail(
        self,
        mail_server=None,
        alias_domain=None,
        use_for_company=None,
        move_aliases=False,
    ):
        """Create outgoing and incoming server and alias domain, where they are missing.

        :param mail_server: an ``ir.mail_server`` to be used instead of a new one
        :param alias_domain: a ``mail.alias.domain`` to be used instead of a new one
        :param bool use_for_company: make its addresses those of the company; by
            default when the company has none
        :param bool move_aliases: let the company's aliases move with it
        """
        self._setup_alias_domain(alias_domain, use_for_company, move_aliases)
        self._setup_mail_server(mail_server)
        self._setup_incoming_server()

    def _setup_mail_server(self, mail_server):
        if self.with_context(active_test=False).mail_server_ids:
            return
        values = {
            "smtp_authentication": "mailgun",
            "mailgun_domain_id": self.id,
            "from_filter": self._from_filter(),
            # Else core turns files beyond 10 MB into links.
            "max_email_size": MAX_MESSAGE_MB,
        }
        if mail_server:
            mail_server.write(values)
            return
        values["name"] = self.env._("Mailgun %s", self.name)
        self._remember_here(mail_server=self.env["ir.mail_server"].create(values).id)

    def _setup_incoming_server(self):
        if self.with_context(active_test=False).incoming_server_ids:
            return
        created = self.env["fetchmail.server"].create(
            {
                "name": self.env._("Mailgun %s", self.name),
                "server_type": "mailgun",
                "mailgun_domain_id": self.id,
                # Only an API key may read what was missed; the options count anyway.
                "state": "done" if self.key_kind == "api" else "draft",
            }
        )
        self._remember_here(incoming_server=created.id)

    def _remember_here(self, **facts):
        self.odoo_footprint = {**(self.odoo_footprint or {}), **facts}

    def _from_filter(self):
        """Return the addresses that may send: of the domain, and of its parent."""
        return f"{self.name},{self.parent_name}" if self.send_as_parent else self.name

    def _remove_setup(self):
        """Remove what ``_setup_mail`` has created, unless it is used otherwise."""
        made = self.odoo_footprint or {}
        for key, model in (
            ("incoming_server", "fetchmail.server"),
            ("mail_server", "ir.mail_server"),
        ):
            record = self.env[model].browse(made.get(key, [])).exists()
            record.filtered(lambda one: one.mailgun_domain_id == self).unlink()
        self._return_alias_domain(made)
        self.odoo_footprint = False

    # === IS THE KEY GOOD === #

    @api.onchange("api_key", "webhook_signing_key")
    def _onchange_keys(self):
        """Warn of a key that was pasted into the field of another."""
        if looks_like(self.api_key or "") == "signing":
            text = self.env._(
                "What you entered as API key has the shape of the webhook signing key. "
                "An API key has three groups with dashes between them, or begins with "
                "“key-”."
            )
        elif looks_like(self.webhook_signing_key or "") == "api":
            text = self.env._(
                "What you entered as webhook signing key has the shape of an API key. "
                "The signing key is at Mailgun under API Security > HTTP webhook "
                "signing key. Only old accounts use one key for both."
            )
        else:
            return None
        return {"warning": {"title": self.env._("Which key?"), "message": text}}

    def _test_connection(self, client):
        """Ask Mailgun whether the domain can send; see ``_ask_mailgun``."""
        account = Management(client)
        try:
            found = account.get_domain(self.name)
        except SettingError as error:
            return "success", self._test_sending(client, error)
        self.key_kind = "api"
        self._store_remote(found)
        self.write(self._look(account))
        if found.state == "active":
            text = self.env._("Mailgun accepts the key, and %s can send.", self.name)
            trouble = list(filter(None, (self.route_trouble, self.webhook_trouble)))
            return "danger" if trouble else "success", " ".join([text, *trouble])
        if found.state == "disabled":
            text = self.env._(
                "Mailgun knows %(domain)s and accepts the key, but has disabled the "
                "domain: %(reason)s Its support can lift that, see Mailgun's control "
                "panel.",
                domain=self.name,
                reason=found.reason or self.env._("no reason given."),
            )
            return "danger", text
        text = self.env._(
            "Mailgun knows %(domain)s and accepts the key, but does not let it send "
            "yet (state: %(state)s). Set its DNS records and verify it in Mailgun's "
            "control panel.",
            domain=self.name,
            state=found.state or self.env._("unknown"),
        )
        return "danger", text

    def _test_sending(self, client, refusal):
        """Ask in the way that is left to a sending key, which may do nothing else.

        :param SettingError refusal: of the first question
        :raise SettingError: the key is of no use here, perhaps with where it is
        """
        if refusal.status not in (401, 403):
            raise SettingError(self._where_else() or refusal.sentence) from refusal
        try:
            client.check_sending(self.name)
        except DomainBarred:
            # Key and domain are good; what stands in the way is said by the error.
            raise
        except SettingError as error:
            raise SettingError(self._where_else() or error.sentence) from error
        self.write({"key_kind": "sending", "check_trouble": False})
        return self.env._(
            "%s can send. The key is a sending key: it cannot read the domain's "
            "settings or events.",
            self.name,
        )

    def _where_else(self):
        """Say in which region the key does find the domain, if in the other one."""
        other = "us" if self.region == "eu" else "eu"
        key = self._get_secret("api_key")
        try:
            finding = probe(key, other, self.name, self.subaccount or "")
        except ApiError:
            # What was said in the right region is told then.
            return False
        for found in finding.domains:
            if found.name == self.name and found.region == other:
                return self.env._(
                    "%(domain)s is in the other region at Mailgun: choose %(region)s "
                    "and save.",
                    domain=self.name,
                    region=dict(self._fields["region"].selection)[other],
                )
        return False

    # === ROUND TRIP: the whole way, out by Mailgun and back in by the route === #

    def action_round_trip(self):
        """Send a small mail to this domain itself and watch it come back."""
        return self._start_round_trip()

    def action_big_round_trip(self):
        """Do the same with a big mail, which a proxy on the way may cut off."""
        return self._start_round_trip(size_mb=15)

    def _start_round_trip(self, size_mb=0):
        self.ensure_one()
        trips = self.env["mailgun.round.trip"]
        trip = trips.create({"domain_id": self.id, "size_mb": size_mb})
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Round Trip"),
            "res_model": trip._name,
            "res_id": trip.id,
            "view_mode": "form",
            "target": "new",
        }
