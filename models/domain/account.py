from odoo import api, fields, models

from ...const import EVENTS_PATH, RAW_INBOUND_PATH, WEBHOOK_TYPES
from ...tools.api.management import Management, Route
from ...tools.errors import ApiError, RefusedMessage, SettingError
from . import keys as secret_keys
from .public_url import public_url_trouble


class MailgunDomain(models.Model):
    """What belongs to a domain at Mailgun: DNS, route, webhooks, spam filter.

    Routes are shared by everybody who uses the account, so ours carries the
    identifier of this database; what has another, or none, is never touched.
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
    route_expression = fields.Char(compute="_compute_route_expression")
    remote_state = fields.Char("State at Mailgun", readonly=True, copy=False)
    # Why Mailgun could not be asked at the last daily check.
    check_trouble = fields.Char(readonly=True, copy=False)
    remote_checked_at = fields.Datetime("Checked on", readonly=True, copy=False)
    spam_action = fields.Char("Spam Filter", readonly=True, copy=False)
    dns_record_ids = fields.One2many("mailgun.dns.record", "domain_id", "DNS Records")
    route_found = fields.Char("Route at Mailgun", readonly=True, copy=False)
    route_trouble = fields.Char(readonly=True, copy=False)
    webhook_found = fields.Char("Webhook at Mailgun", readonly=True, copy=False)
    webhook_trouble = fields.Char(readonly=True, copy=False)
    # What we have created or changed, for Disconnect to take back; see _remember.
    footprint = fields.Json(readonly=True, copy=False)

    # === COMPUTE METHODS === #

    @api.depends("public_url")
    def _compute_urls(self):
        base = self.env["ir.config_parameter"].sudo().get_param("web.base.url", "")
        for domain in self:
            root = (domain.public_url or base).strip().rstrip("/")
            domain.inbound_url = root + RAW_INBOUND_PATH
            domain.events_url = root + EVENTS_PATH

    @api.depends("name", "alias_domain_id.name")
    def _compute_route_expression(self):
        for domain in self:
            names = sorted({domain.name or "", domain.alias_domain_id.name or ""})
            text = "|".join(filter(None, names))
            text = f"({text})" if "|" in text else text
            domain.route_expression = text and f'match_recipient(".*@{text}")'

    # === ACTIONS === #

    def action_check_dns(self):
        """Have Mailgun look at the DNS now."""
        self.ensure_one()
        with secret_keys.as_user_error(), self._open_client() as client:
            self._store_remote(Management(client).verify_domain(self.name))

    def action_repair(self):
        """Create or repair what Mailgun needs to reach this Odoo."""
        self.ensure_one()
        with secret_keys.as_user_error(), self._open_client() as client:
            self._provision(Management(client))

    # === PROVISIONING === #

    def _provision(self, account):
        """Set the domain up at Mailgun; what fails is noted and the rest goes on.

        :param Management account: of the domain's key
        :raise ApiError: when Mailgun does not know key or domain at all
        """
        self._store_remote(account.get_domain(self.name))
        self.route_trouble = self._attempt(self._ensure_route, account)
        self.webhook_trouble = self._attempt(self._ensure_webhooks, account)
        self._attempt(self._ensure_spam_tags, account)

    def _attempt(self, step, account):
        """Run a step; return what stands in its way, or False."""
        try:
            return step(account) or False
        except ApiError as error:
            return str(error)

    def _store_remote(self, info):
        self.check_trouble = False
        self.remote_state = ": ".join(filter(None, [info.state, info.reason]))
        self.remote_checked_at = fields.Datetime.now()
        self.spam_action = info.spam_action
        self.env["mailgun.dns.record"]._replace(self, info.records)

    def _ensure_route(self, account):
        if trouble := self._public_url_trouble():
            return trouble
        ours, *doubles = self._our_routes(account) or [None]
        wanted = self._wanted_route(ours)
        if not ours:
            ours = account.create_route(wanted)
        elif (ours.expression, ours.actions) != (wanted.expression, wanted.actions):
            account.update_route(wanted)
        for route in doubles:
            account.delete_route(route.id)
        self.route_found = ours.id
        return self._route_in_the_way(account)

    def _our_routes(self, account):
        return [route for route in account.list_routes() if self._is_our_route(route)]

    def _is_our_route(self, route):
        """Tell whether a route was made for this domain by this very database."""
        return route.description == self._route_description() or (
            route.expression == self.route_expression
            and f'forward("{self.inbound_url}")' in route.actions
        )

    def _wanted_route(self, present):
        return Route(
            id=present.id if present else "",
            expression=self.route_expression,
            actions=(f'forward("{self.inbound_url}")', "store()", "stop()"),
            priority=present.priority if present else 0,
            description=self._route_description(),
        )

    def _route_description(self):
        uuid, _name = self._database_identity()
        return f"Odoo: mail for {self.name} (database {uuid})"

    def _route_in_the_way(self, account):
        """Return a sentence when another route takes the mail first."""
        first = account.match_route(f"any-address@{self.name}")
        if first and first.stops and not self._is_our_route(first):
            return self.env._(
                "Another route at Mailgun takes the mail first and stops: "
                "“%(description)s”, %(expression)s, priority %(priority)s. Give it a "
                "higher number than ours, or remove its stop().",
                description=first.description or first.id,
                expression=first.expression,
                priority=first.priority,
            )
        return False

    def _ensure_webhooks(self, account):
        if trouble := self._public_url_trouble():
            return trouble
        self._forget_old_webhook(account)
        # A webhook of the whole account that leads here tells of this domain as well.
        told = self._account_webhooks(account)
        types = [
            kind for kind in WEBHOOK_TYPES if self.events_url not in told.get(kind, [])
        ]
        present = account.list_webhooks(self.name).values()
        full = account.add_webhook(self.name, self.events_url, types)
        if types and not any(self.events_url in urls for urls in present):
            self._remember(webhook=self.events_url)
        self.webhook_found = self.events_url
        if full:
            return self.env._(
                "Mailgun takes three URLs for each type of event, and these have them "
                "already: %s. Remove one under Sending > Webhooks and press Repair.",
                ", ".join(full),
            )
        return False

    def _account_webhooks(self, account):
        # A sub-account's key, or an older role, may not read these.
        try:
            return account.list_account_webhooks()
        except (SettingError, RefusedMessage):
            return {}

    def _forget_old_webhook(self, account):
        old = (self.footprint or {}).get("webhook")
        if old and old != self.events_url:
            account.remove_webhook(self.name, old)

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
        :raise ApiError: Mailgun cannot be asked now; what is left is still remembered
        """
        for route in account.list_routes():
            # One that was made by hand and leads here stays, as everything by hand.
            if route.description == self._route_description():
                account.delete_route(route.id)
        self.route_found = self.webhook_found = False
        left = dict(self.footprint or {})
        if left.get("webhook"):
            account.remove_webhook(self.name, left["webhook"])
            del left["webhook"]
        if left.get("spam_action"):
            if account.get_domain(self.name).spam_action == "tag":
                account.set_spam_action(self.name, left["spam_action"])
            del left["spam_action"]
        self.footprint = left

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
