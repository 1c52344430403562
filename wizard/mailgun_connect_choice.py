from odoo import api, fields, models


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
