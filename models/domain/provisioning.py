import contextlib
from dataclasses import dataclass

from odoo import api, fields, models

from ...const import EVENTS_PATH, RAW_INBOUND_PATH
from ...tools.api.management import Management
from ...tools.errors import ApiError, SettingError, TransientError
from ..transactions.locks import lock_rows
from ..transactions.words import in_words
from . import keys as secret_keys
from .notification import RELOAD, notification
from .public_url import host_of, public_url_trouble


@dataclass(frozen=True)
class Finding:
    """What was found of a route or of webhooks at Mailgun.

    :param trouble: what is wrong, "" when nothing is
    :param is_elsewhere: they lead to another database, or to where this one is not
    """

    trouble: str = ""
    is_elsewhere: bool = False

    def as_values(self, entry):
        """Return it in the fields of the domain.

        :param str entry: "route" or "webhook"
        """
        return {
            f"{entry}_trouble": self.trouble or False,
            f"{entry}_elsewhere": self.is_elsewhere,
        }


#: Fields that tell what is at Mailgun, and what of it is ours.
FINDINGS = (
    "check_trouble",
    "footprint",
    "remote_checked_at",
    "remote_state",
    "route_elsewhere",
    "route_found",
    "route_trouble",
    "spam_action",
    "webhook_elsewhere",
    "webhook_found",
    "webhook_trouble",
)


# With what Mailgun is asked: what it said before tells nothing of another one.
_ASKED_WITH = {"api_key_closed", "region", "subaccount"}


class MailgunDomain(models.Model):
    """What belongs to a domain at Mailgun, and how it is set up and taken back.

    Route and webhooks have files of their own; here are DNS and spam filter.
    """

    _inherit = "mailgun.domain"

    subaccount = fields.Char(
        "Sub-account ID",
        help="Only when the domain belongs to a sub-account of the key's account.",
    )
    public_url = fields.Char(
        "Public Address",
        help="Where Mailgun reaches this Odoo, such as https://odoo.yourcompany.com. "
        "Empty: the system parameter web.base.url.",
    )
    events_url = fields.Char("Events URL", compute="_compute_urls")
    inbound_url = fields.Char("Inbound URL", compute="_compute_urls")
    remote_state = fields.Char("State at Mailgun", readonly=True, copy=False)
    # Why Mailgun could not be asked at the last daily check.
    check_trouble = fields.Char(readonly=True, copy=False)
    remote_checked_at = fields.Datetime("Checked on", readonly=True, copy=False)
    spam_action = fields.Char("Spam Filter", readonly=True, copy=False)
    dns_record_ids = fields.One2many("mailgun.dns.record", "domain_id", "DNS Records")
    leads_elsewhere = fields.Boolean(compute="_compute_leads_elsewhere")
    # What we have created or changed there, for Disconnect to take back.
    footprint = fields.Json(readonly=True, copy=False)

    def write(self, vals):
        if vals.keys() & _ASKED_WITH:
            vals = {"check_trouble": False, "remote_checked_at": False, **vals}
        return super().write(vals)

    # === COMPUTE METHODS === #

    @api.depends("public_url")
    def _compute_urls(self):
        for domain in self:
            domain.inbound_url = domain._own_root() + RAW_INBOUND_PATH
            domain.events_url = domain._own_root() + EVENTS_PATH

    @api.depends("route_elsewhere", "webhook_elsewhere")
    def _compute_leads_elsewhere(self):
        for domain in self:
            domain.leads_elsewhere = domain.route_elsewhere or domain.webhook_elsewhere

    def _own_root(self):
        """Return where Mailgun reaches this Odoo, without a slash at the end."""
        base = self.env["ir.config_parameter"].sudo().get_param("web.base.url", "")
        return (self.public_url or base).strip().rstrip("/")

    def _is_elsewhere(self, url):
        return host_of(url) != host_of(self._own_root())

    # === ACTIONS === #

    def action_check_dns(self):
        """Have Mailgun look at the DNS now."""
        self.ensure_one()
        return self._ask_mailgun(self._verify_dns)

    def action_repair(self):
        """Create or repair what Mailgun needs to reach this Odoo."""
        self.ensure_one()
        return self._ask_mailgun(self._repair)

    def _ask_mailgun(self, ask):
        """Do at Mailgun what a button is for, and show how it went.

        A refusal is a finding, a red line of the health: an exception would take back
        whatever was written before it.

        :param ask: called with a client of the domain; returns the kind of the
            notification and its text
        :return: the action that shows it
        :raise UserError: there is nothing to ask with
        """
        # Who comes too late finds out before Mailgun was asked.
        lock_rows(self)
        with secret_keys.as_user_error(self.env):
            opened = self._open_client()
        try:
            with opened as client:
                kind, text = ask(client)
        except ApiError as error:
            kind, text = "danger", in_words(self.env, error)
            if not isinstance(error, TransientError):
                self.check_trouble = text
        # Who was asked to repair it is told that it is over.
        self.env.ref("mail_mailgun.ir_cron_judge").sudo()._trigger()
        return notification(kind, text, RELOAD, sticky=kind == "danger")

    def _verify_dns(self, client):
        account = Management(client)
        self._store_remote(account.verify_domain(self.name))
        self.write(self._look(account))
        self._look_at_dmarc()
        line = self._health_of_dns()
        kind = {"ok": "success", "error": "danger"}.get(line.level, line.level)
        return kind, f"{line.text} {line.remedy}".strip()

    def _repair(self, client):
        account = Management(client)
        self.write(self._look(account))
        missing = [
            title
            for entry, title in (
                ("route", self.env._("route")),
                ("webhook", self.env._("webhooks")),
            )
            if self[f"{entry}_trouble"] or not self[f"{entry}_found"]
        ]
        self._provision(account)
        troubles = filter(None, (self.route_trouble, self.webhook_trouble))
        if text := " ".join(troubles):
            return "danger", text
        if not missing:
            return "success", self.env._("Nothing was missing.")
        return "success", self.env._("Set up: %s.", ", ".join(missing))

    def action_take_over(self):
        """Have mail and events come here: this database has moved, or is a successor.

        The other one, if it still runs, is told apart from then on. Events of mail that
        was sent before count here as well.

        :raise UserError: Mailgun cannot be asked, and nothing was changed
        """
        self.ensure_one()
        self.write({"former_identity": self.identity, "identity": False})
        self._bind()
        if self.key_kind == "api":
            with secret_keys.as_user_error(self.env), self._open_client() as client:
                self._provision(Management(client), take_over=True)

    # === PROVISIONING === #

    def _provision(self, account, take_over=False):
        """Set the domain up at Mailgun; what fails is noted and the rest goes on.

        :param Management account: of the domain's key
        :param bool take_over: change what leads to another database, too
        :raise ApiError: when Mailgun does not know key or domain at all
        """
        self._store_remote(account.get_domain(self.name))
        self._set_up("route", self._ensure_route, account, take_over)
        self._set_up("webhook", self._ensure_webhooks, account, take_over)
        with contextlib.suppress(ApiError):
            self._ensure_spam_tags(account)

    def _set_up(self, entry, ensure, account, take_over):
        """Set one thing up, and note what is wrong with it then."""
        try:
            trouble = self._public_url_trouble()
            found = Finding(trouble) if trouble else ensure(account, take_over)
        except ApiError as error:
            found = Finding(in_words(self.env, error))
        self.write(found.as_values(entry))

    def _look(self, account):
        """Find out whether that which Odoo looks after still leads here.

        :param Management account: of the domain's key
        :return: values to write
        :raise ApiError: Mailgun cannot be asked
        """
        values = {}
        if not self._public_url_trouble():
            for entry, look in (
                ("route", self._look_at_route),
                ("webhook", self._look_at_webhooks),
            ):
                if self[f"{entry}_found"] or self[f"{entry}_trouble"]:
                    values.update(look(account).as_values(entry))
        return values

    def _store_remote(self, info):
        self.check_trouble = False
        self.remote_state = ": ".join(filter(None, [info.state, info.reason]))
        self.remote_checked_at = fields.Datetime.now()
        self.spam_action = info.spam_action
        self.env["mailgun.dns.record"]._replace(self, info.records)

    def _ensure_spam_tags(self, account):
        """Have Mailgun write its verdicts (spam, SPF, DKIM) into the mail's headers."""
        if self.spam_action in ("tag", "block"):
            return
        account.set_spam_action(self.name, "tag")
        self._remember(spam_action=self.spam_action or "disabled")
        self.spam_action = "tag"

    def _remember(self, **facts):
        self.footprint = {**(self.footprint or {}), **facts}

    # === TAKING BACK === #

    def _unprovision(self, account):
        """Take back what was created at Mailgun, and nothing else.

        :param Management account: of the domain's key
        :raise SettingError: it leads elsewhere, so it may be another database's
        :raise ApiError: Mailgun cannot be asked now; what is left is still remembered
        """
        # One that was made by hand and leads here stays, as everything by hand.
        routes = [route for route in account.list_routes() if self._is_ours(route)]
        webhook = self._own_webhook(account)
        urls = [*(url for route in routes for url in route.urls), webhook]
        if there := next(filter(self._is_elsewhere, filter(None, urls)), None):
            raise SettingError(
                self.env._(
                    "Route or webhook of %(domain)s lead to %(there)s, and not to this "
                    "database at %(here)s. If it has moved, press Take Over first; in "
                    "a copy press Deactivate.",
                    domain=self.name,
                    there=there,
                    here=self._own_root(),
                )
            )
        for route in routes:
            account.delete_route(route.id)
        if webhook:
            account.remove_webhook(self.name, webhook)
        before = (self.footprint or {}).get("spam_action")
        if before and account.get_domain(self.name).spam_action == "tag":
            account.set_spam_action(self.name, before)
        self.write({"route_found": False, "webhook_found": False, "footprint": False})

    def _forget_original(self):
        self.write(dict.fromkeys(FINDINGS, False))
        self.dns_record_ids.sudo().unlink()
        return super()._forget_original()

    def _public_url_trouble(self):
        """Say why Mailgun could not reach the endpoints; False when it could."""
        return public_url_trouble(self.env, self.inbound_url)


class MailgunDnsRecord(models.Model):
    """A record that Mailgun wants to see in the DNS of a domain."""

    _name = "mailgun.dns.record"
    _description = "Mailgun DNS Record"
    _order = "domain_id, purpose, kind, value"
    _rec_name = "name"

    domain_id = fields.Many2one(
        "mailgun.domain", required=True, readonly=True, ondelete="cascade", index=True
    )
    purpose = fields.Selection(
        [
            ("sending", "Sending"),
            ("receiving", "Receiving"),
            ("tracking", "Tracking of opens and clicks"),
            ("spare", "Sending, by a key for later"),
        ],
        required=True,
        readonly=True,
    )
    kind = fields.Char("Type", readonly=True)
    name = fields.Char("Host Name", readonly=True)
    value = fields.Char(readonly=True)
    priority = fields.Char(readonly=True)
    state = fields.Selection(
        [("valid", "Found"), ("unknown", "Not found yet"), ("invalid", "Wrong")],
        required=True,
        readonly=True,
    )

    @api.model
    def _replace(self, domain, records):
        """Keep exactly the records that Mailgun asks for.

        :param domain: the ``mailgun.domain``
        :param records: of ``DnsRecord``
        """
        domain.dns_record_ids.sudo().unlink()
        known = dict(self._fields["state"].selection)
        self.sudo().create(
            [
                {
                    "domain_id": domain.id,
                    "purpose": record.purpose,
                    "kind": record.kind,
                    # Mailgun leaves the name out where it is the domain itself.
                    "name": record.name or domain.name,
                    "value": record.value,
                    "priority": record.priority,
                    "state": record.state if record.state in known else "unknown",
                }
                for record in records
            ]
        )
