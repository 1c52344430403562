from odoo import models
from odoo.exceptions import UserError

from ..tools.errors import SettingError
from ..tools.management import Management
from . import secret_keys


class MailgunDomain(models.Model):
    """What a domain needs inside Odoo, and whether its key works."""

    _inherit = "mailgun.domain"

    def action_test_connection(self):
        """Ask Mailgun whether key, region and domain fit together.

        :return: a notification that says what was found
        :raise UserError: when something has to be repaired, with what and where
        """
        self.ensure_one()
        message = self._test_connection()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"type": "success", "message": message, "sticky": False},
        }

    def action_setup_mail(self):
        """Create what Odoo needs to send and receive with the domain, once.

        An outgoing mail server restricted to the domain, and the alias domain with the
        usual addresses; what is there already is left as it is.

        :return: the action that shows the mail server
        """
        self.ensure_one()
        self._ensure_alias_domain()
        server = self.with_context(active_test=False).mail_server_ids[:1]
        if not server:
            server = self.env["ir.mail_server"].create(
                {
                    "name": f"Mailgun {self.name}",
                    "smtp_authentication": "mailgun",
                    "mailgun_domain_id": self.id,
                    "from_filter": self.name,
                }
            )
        return {
            "type": "ir.actions.act_window",
            "res_model": "ir.mail_server",
            "res_id": server.id,
            "view_mode": "form",
        }

    def _ensure_alias_domain(self):
        if not self.alias_domain_id:
            alias_domains = self.env["mail.alias.domain"]
            self.alias_domain_id = alias_domains.search(
                [("name", "=", self.name)]
            ) or alias_domains.create({"name": self.name})
        company = self.company_id or self.env.company
        if not company.alias_domain_id:
            company.alias_domain_id = self.alias_domain_id

    def _test_connection(self):
        """Ask Mailgun; return the good news, raise ``UserError`` with the bad."""
        with secret_keys.as_user_error(), self._open_client() as client:
            try:
                found = Management(client).get_domain(self.name)
            except SettingError as error:
                if error.status not in (401, 403):
                    raise
                # A sending key may do nothing but send, so ask it that way.
                client.check_sending(self.name)
                return self.env._(
                    "%s can send. The key is a sending key: it cannot read the "
                    "domain's settings or events.",
                    self.name,
                )
        if found.state != "active":
            raise UserError(
                self.env._(
                    "Mailgun knows %(domain)s and accepts the key, but does not let it "
                    "send yet (state: %(state)s). Set its DNS records and verify it in "
                    "Mailgun's control panel.",
                    domain=self.name,
                    state=found.state or self.env._("unknown"),
                )
            )
        return self.env._("Mailgun accepts the key, and %s can send.", self.name)
