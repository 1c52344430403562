"""Whether what Mailgun posts to would reach this Odoo, asked from here."""

from odoo import fields, models

from ...tools.probe import probe
from ..domain.health import HealthLine
from .arrivals import refusal_remedy


class MailgunDomain(models.Model):
    """Posts to its own public address and looks who answers."""

    _inherit = "mailgun.domain"

    # What answered in place of our endpoint, with its status of HTTP.
    reach_trouble = fields.Char(readonly=True, copy=False)
    reach_status = fields.Integer(readonly=True, copy=False)

    def action_check(self):
        """Look now at what the daily check looks at."""
        self.ensure_one()
        self._check_alone()

    def _ask_remote(self):
        info, values = super()._ask_remote()
        return info, {**values, **self._ask_who_answers()}

    def _ask_who_answers(self):
        """Return the values that say what answers at our public address.

        An address that nobody could reach has been told of as a setting.
        """
        answer = None if self._public_url_trouble() else probe(self.inbound_url)
        if answer is None or answer.is_ours:
            return {"reach_trouble": False, "reach_status": 0}
        # Pages of proxies say it in their title.
        words = answer.words.removeprefix(str(answer.status)).strip()
        trouble = f"{answer.status} {words}".strip()
        return {"reach_trouble": trouble, "reach_status": answer.status}

    def _forget_original(self):
        self.write({"reach_trouble": False, "reach_status": 0})
        return super()._forget_original()

    def _health_of_account(self):
        return [*super()._health_of_account(), *self._health_of_reach()]

    def _health_of_reach(self):
        """Tell of what answers instead; how it looks from outside, posts tell."""
        if not self.reach_trouble:
            return []
        title = self.env._("Public address")
        text = self.env._(
            "%(url)s does not lead here, as seen from this server: what answered a "
            "post says %(answer)s",
            url=self.inbound_url,
            answer=self.reach_trouble,
        )
        last = self._last_posted_at()
        if last and last > fields.Datetime.subtract(fields.Datetime.now(), days=1):
            remedy = self.env._(
                "Mailgun's posts arrive, so it may look different from outside."
            )
            return [HealthLine("info", title, text, remedy)]
        remedy = refusal_remedy(self.env, self.reach_trouble, self.reach_status)
        then = self.env._("Then press Check.")
        return [HealthLine("error", title, text, f"{remedy} {then}".strip())]
