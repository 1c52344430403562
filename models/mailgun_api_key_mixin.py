from odoo import fields, models

from . import secret_keys


class MailgunApiKeyMixin(models.AbstractModel):
    """Fields for keys: written in clear, stored closed, never read back.

    A model names them in ``_secrets``; each ``x`` has a stored ``x_closed``.
    """

    _name = "mailgun.api.key.mixin"
    _description = "Keys that are stored closed"
    _secrets = ("api_key",)

    api_key = fields.Char(
        "API Key",
        compute="_compute_no_secret",
        inverse="_inverse_api_key",
        groups="base.group_system",
        copy=False,
        help="A Mailgun API key, or the domain's sending key if it shall only send.",
    )
    api_key_closed = fields.Char(groups="base.group_system", copy=False)

    def _compute_no_secret(self):
        for record in self:
            for field in self._secrets:
                # A form that has just one of them filled in keeps it.
                if field not in record._cache:
                    record[field] = False

    def _inverse_api_key(self):
        self._store_secret("api_key")

    def _store_secret(self, name):
        # An empty value comes from a form that was saved without touching the field:
        # to forget a key there is an action.
        for record in self.filtered(name):
            secret = record[name].strip()
            record[f"{name}_closed"] = secret_keys.close(self.env, secret)
        # The web client reads back what it has saved, in the same transaction.
        self.invalidate_recordset([name])
