import re

from odoo import models

# Links that are as good as a password. Mailgun would put its own in their place, and
# whoever reads its log could use them.
_SECRET_LINKS = re.compile(r"/web/(signup|reset_password)\b|[?&]signup_token=")
# Mail about these holds passwords, codes or access to the portal.
_SECRET_MODELS = ("res.users", "portal.wizard.user", "portal.share")


class MailMail(models.Model):
    """What Mailgun is asked to do with a mail, besides delivering it."""

    _inherit = "mail.mail"

    def _mailgun_options(self, domain):
        """Return tags and options of this mail.

        :param domain: the ``mailgun.domain`` it leaves by
        :rtype: tuple[list[str], dict]
        """
        tags = self._mailgun_tags() if domain.tag_documents else []
        if self._mailgun_is_secret():
            tracking = dict.fromkeys(_TRACKING, "no")
        elif self._mailgun_is_mailing():
            # Odoo counts opens and clicks of mailings itself; not both without asking.
            tracking = {
                option: "no"
                for option, name in _TRACKING.items()
                if name and domain[name] != "yes"
            }
        else:
            tracking = {}
        return tags, tracking

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


# Options of a message and the fields of a domain that decide about them.
_TRACKING = {
    "tracking": "",
    "tracking_opens": "tracking_opens",
    "tracking_clicks": "tracking_clicks",
}
