from odoo import models

from .health_line import HealthLine


class MailgunDomain(models.Model):
    """The lines of the health that tell of settings, here and at Mailgun."""

    _inherit = "mailgun.domain"

    def _health_of_account(self):
        """Return the lines in the order in which they are repaired."""
        return [
            self._health_of_key(),
            self._health_of_dns(),
            self._health_of_route(),
            self._health_of_webhooks(),
            self._health_of_senders(),
        ]

    def _health_of_use(self):
        return HealthLine(
            "warning",
            self.env._("In use"),
            self.env._(
                "The domain is not confirmed in this database: nothing is sent."
            ),
            self.env._(
                "Press Confirm when this database shall send and receive for it."
            ),
        )

    def _health_of_key(self):
        if not self.sudo()._has_secret("api_key"):
            return HealthLine(
                "error",
                self.env._("API key"),
                self.env._("There is none, so nothing can be sent."),
                self.env._("Enter it below; it is at Mailgun under API Security."),
            )
        if self.check_trouble:
            return HealthLine(
                "error",
                self.env._("API key"),
                self.check_trouble,
                self.env._("Then press Repair."),
            )
        if self.key_kind == "sending":
            return HealthLine(
                "info",
                self.env._("API key"),
                self.env._("A sending key: it can send, and nothing else."),
                self.env._(
                    "DNS, route and webhooks are to be looked after by hand, see the "
                    "page By Hand."
                ),
            )
        return HealthLine("ok", self.env._("API key"), self.api_key_info)

    def _health_of_dns(self):
        if not self.remote_checked_at:
            level = "info"
            return HealthLine(
                level,
                self.env._("DNS"),
                self.env._("Not looked at."),
                self.env._("Press Check DNS."),
            )
        missing = self.dns_record_ids.filtered(
            lambda one: one.state != "valid" and one.purpose != "tracking"
        )
        if self.remote_state != "active":
            return HealthLine(
                "error",
                self.env._("DNS"),
                self.env._(
                    "Mailgun does not let the domain send (%s).", self.remote_state
                ),
                self.env._(
                    "Enter the records of the page DNS where %s is administered, then "
                    "press Check DNS. It may take some hours until they are seen.",
                    self.name,
                ),
            )
        if missing:
            purposes = dict(missing._fields["purpose"]._description_selection(self.env))
            names = sorted({purposes[one.purpose] for one in missing})
            return HealthLine(
                "warning",
                self.env._("DNS"),
                self.env._(
                    "%(count)s records are missing: %(names)s.",
                    count=len(missing),
                    names=", ".join(names),
                ),
                self.env._("Enter them, see the page DNS, then press Check DNS."),
            )
        return HealthLine(
            "ok", self.env._("DNS"), self.env._("Mailgun sees all records.")
        )

    def _health_of_route(self):
        title = self.env._("Route")
        return self._health_of_entry(title, self.route_found, self.route_trouble)

    def _health_of_webhooks(self):
        title = self.env._("Webhooks")
        return self._health_of_entry(title, self.webhook_found, self.webhook_trouble)

    def _health_of_entry(self, title, found, trouble):
        if trouble:
            return HealthLine("error", title, trouble, self.env._("Then press Repair."))
        if found:
            return HealthLine("ok", title, self.env._("In place at Mailgun."))
        return HealthLine(
            "info",
            title,
            self.env._("Not looked after by Odoo."),
            self.env._("Press Repair, or see the page By Hand."),
        )

    def _health_of_senders(self):
        if self.preview_warning:
            remedy = self.env._("See the page Senders.")
            return HealthLine(
                "warning", self.env._("Senders"), self.preview_warning, remedy
            )
        return HealthLine("ok", self.env._("Senders"), self.preview_from or "")
