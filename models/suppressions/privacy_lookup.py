from odoo import models
from odoo.tools import SQL, email_normalize

from ...tools.addresses import normalize

_WIZARD = "privacy.lookup.wizard"

# Columns that hold nothing but an address, by model.
_ADDRESSES = {
    "mailgun.delivery": ("recipient",),
    "mailgun.event": ("recipient",),
    "mailgun.inbound.email": ("author", "sender", "recipient"),
    "mailgun.suppression": ("address",),
}


class MailgunDelivery(models.Model):
    """Has Odoo's search for personal data find the addresses in our tables.

    It looks at fields with certain names. A second column of such a name would double
    what a million rows take, so its query is extended, where that module is installed.
    It cannot be inherited: this module does not depend on it.
    """

    _inherit = "mailgun.delivery"

    def _register_hook(self):
        wizard = self.env.registry.get(_WIZARD)
        if wizard is not None and "_get_query" not in vars(wizard):
            get_query = wizard._get_query

            def _get_query(self):
                parts = _queries(self.env, self.email)
                return SQL(" UNION ALL ").join([get_query(self), *parts])

            wizard._get_query = _get_query
        return super()._register_hook()

    def _unregister_hook(self):
        wizard = self.env.registry.get(_WIZARD)
        if wizard is not None and "_get_query" in vars(wizard):
            del wizard._get_query
        return super()._unregister_hook()


def _queries(env, email):
    """Yield what is appended to core's query: model, id and whether it is active.

    :param str email: that is looked for, as somebody has entered it
    """
    found = email_normalize(email)
    # Some as somebody wrote them, some as they stand in DNS.
    addresses = (found, normalize(found))
    for name, columns in _ADDRESSES.items():
        model = env[name]
        condition = SQL(" OR ").join(
            SQL("lower(%s) IN %s", SQL.identifier(column), addresses)
            for column in columns
        )
        yield SQL(
            """SELECT %s AS res_model_id, id AS res_id, true AS is_active
                 FROM %s WHERE %s""",
            env["ir.model"]._get_id(name),
            SQL.identifier(model._table),
            condition,
        )
