from odoo import models


class MailgunDomain(models.Model):
    """The button that proves the whole way: out by Mailgun, back in by the route."""

    _inherit = "mailgun.domain"

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
