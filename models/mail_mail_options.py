import re

from odoo import models

# Links that are as good as a password. Mailgun would put its own in their place, and
# whoever reads its log could use them.
_SECRET_LINKS = re.compile(r"/web/(signup|reset_password)\b|[?&]signup_token=")
_TRACKING = ("tracking", "tracking_opens", "tracking_clicks")
# Mail about these holds passwords, codes or access to the portal.
_SECRET_MODELS = ("res.users", "portal.wizard.user", "portal.share")


class MailMail(models.Model):
    """What Mailgun is asked to do with a mail, besides delivering it."""

    _inherit = "mail.mail"

    def _mailgun_options(self, policy):
        """Return tags and options of this mail.

        :param SendingPolicy policy: of the domain it leaves by
        :rtype: tuple[list[str], dict]
        """
        tags = self._mailgun_tags() if policy.with_tags else []
        if self._mailgun_is_secret():
            return tags, dict.fromkeys(_TRACKING, "no")
        if not self._mailgun_is_mailing():
            return tags, {}
        # Odoo counts opens and clicks of mailings itself; not both without asking.
        left_to_odoo = {
            f"tracking_{kind}": "no"
            for kind, wanted in policy.tracking.items()
            if wanted != "yes"
        }
        return tags, left_to_odoo

    def _mailgun_tags(self):
        if self._mailgun_is_mailing() and self.mailing_id.campaign_id:
            return [self.mailing_id.campaign_id.name]
        return [self.model] if self.model else []

    def _mailgun_is_mailing(self):
        return "mailing_id" in self._fields and bool(self.mailing_id)

    def _mailgun_is_secret(self):
        return self.model in _SECRET_MODELS or bool(
            _SECRET_LINKS.search(self.body_html or "")
        )
