"""How long what is kept: days by system parameter, removed in batches."""

from datetime import timedelta

from odoo import fields
from odoo.tools import SQL

# Rows that are removed at a time; Odoo's cleaning commits after each.
_BATCH = 10_000


def keep_since(env, name, days):
    """Return the moment before which nothing is kept.

    :param str name: of the parameter, behind ``mail_mailgun.``
    :param int days: to keep, unless the parameter says otherwise
    :rtype: datetime
    """
    setting = env["ir.config_parameter"].sudo().get_param(f"mail_mailgun.{name}")
    days = int(setting) if str(setting).isdigit() else days
    return fields.Datetime.now() - timedelta(days=days)


def remove_before(model, column, moment):
    """Remove a batch of rows that nothing refers to, without looking at each.

    :param model: whose rows
    :param str column: that says when it was; an index begins with it
    :return: as an autovacuum method: how many, and whether there are more
    """
    table = SQL.identifier(model._table)
    model.env.cr.execute(
        SQL(
            """DELETE FROM %s
                WHERE id IN (SELECT id FROM %s WHERE %s < %s LIMIT %s)""",
            table,
            table,
            SQL.identifier(column),
            moment,
            _BATCH,
        )
    )
    count = model.env.cr.rowcount
    model.invalidate_model()
    return count, count == _BATCH
