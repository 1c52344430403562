from odoo import fields, models

from ...const import WEBHOOK_TYPES
from ...tools.api.management import MAX_URLS_PER_TYPE
from ...tools.errors import NotThere, NotUnderstood, RefusedMessage, SettingError
from .provisioning import Finding


class MailgunDomain(models.Model):
    """The webhooks: what has Mailgun tell this database what becomes of mail.

    A domain has up to three for each type of event, of any systems. Ours is the one
    that ``footprint`` remembers, and no copy of the database does.
    """

    _inherit = "mailgun.domain"

    webhook_found = fields.Char("Webhook at Mailgun", readonly=True, copy=False)
    webhook_trouble = fields.Char(readonly=True, copy=False)
    webhook_elsewhere = fields.Boolean(readonly=True, copy=False)

    def _ensure_webhooks(self, account, take_over=False):
        """Have this database told of all events, besides whoever is told already.

        :param bool take_over: instead of the address that was told before
        :rtype: Finding
        """
        found = self._look_at_webhooks(account)
        if found.is_elsewhere and not take_over:
            return found
        old = self._own_webhook(account)
        if old and old != self.events_url:
            account.remove_webhook(self.name, old)
        missing = self._untold_types(account.list_webhooks(self.name), account)
        if missing:
            account.add_webhook(self.name, self.events_url, missing)
            self._remember(webhook=self.events_url)
        self.webhook_found = self.events_url
        return self._look_at_webhooks(account)

    def _look_at_webhooks(self, account):
        """Find out whether this database is told of all events, and who is instead.

        :param Management account: of the domain's key
        :rtype: Finding
        """
        present = account.list_webhooks(self.name)
        missing = self._untold_types(present, account)
        if not missing:
            return Finding()
        old = self._own_webhook(account)
        if old and self._is_elsewhere(old):
            text = self.env._(
                "Mailgun tells %(there)s what becomes of mail, and not this database "
                "at %(here)s.",
                there=old,
                here=self.events_url,
            )
            return Finding(text, is_elsewhere=True)
        full = [
            kind for kind in missing if len(present.get(kind, [])) >= MAX_URLS_PER_TYPE
        ]
        if full:
            return Finding(
                self.env._(
                    "Mailgun takes three URLs for each type of event, and these have "
                    "them already: %s. Remove one under Sending > Webhooks.",
                    ", ".join(full),
                )
            )
        return Finding(
            self.env._(
                "Mailgun does not tell this database of: %s.", ", ".join(missing)
            )
        )

    def _untold_types(self, present, account):
        """Return the types of events that this database is not told of.

        :param dict present: the webhooks of the domain: URLs by type
        """
        # One of the whole account that leads here tells of this domain as well.
        told = self._account_webhooks(account)
        return [
            kind
            for kind in WEBHOOK_TYPES
            if self.events_url not in (*present.get(kind, ()), *told.get(kind, ()))
        ]

    def _own_webhook(self, account):
        """Return the URL that we have added, while Mailgun has it; else ""."""
        own = (self.footprint or {}).get("webhook") or ""
        present = account.list_webhooks(self.name).values() if own else ()
        return own if any(own in urls for urls in present) else ""

    def _account_webhooks(self, account):
        # A sub-account's key, or an older role, may not read these.
        try:
            return account.list_account_webhooks()
        except (SettingError, RefusedMessage, NotThere, NotUnderstood):
            return {}
