from odoo import api, fields, models

from ...tools.addresses import normalize


class ResPartner(models.Model):
    """The contact says when Mailgun delivers nothing to its address."""

    _inherit = "res.partner"

    mailgun_suppression = fields.Text(
        "Suppressed at Mailgun",
        compute="_compute_mailgun_suppression",
        groups="base.group_user",
    )

    @api.depends("email_normalized")
    def _compute_mailgun_suppression(self):
        found = self._mailgun_suppressions().grouped("address")
        for partner in self:
            rows = found.get(normalize(partner.email_normalized or ""), ())
            partner.mailgun_suppression = "\n".join(row._describe() for row in rows)

    def action_mailgun_lift_suppression(self):
        """Ask Mailgun whether it still delivers to the address, and offer to lift that.

        :raise AccessError: the user is no administrator
        """
        self.ensure_one()
        suppression = self._mailgun_suppressions()[:1]
        wizards = self.env["mailgun.lift.suppression"]
        return wizards._open_for(
            suppression.with_env(self.env).domain_id, suppression.address
        )

    def _mailgun_suppressions(self):
        """Return what is noted of the addresses of these contacts, for anybody."""
        addresses = {normalize(partner.email_normalized or "") for partner in self}
        suppressions = self.env["mailgun.suppression"].sudo()
        return suppressions.search([("address", "in", list(addresses - {""}))])
