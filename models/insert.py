"""Writing what the database may know already."""

from datetime import datetime, timezone

from odoo.tools import SQL


def insert_if_new(model, values):
    """Insert a row unless a unique constraint says that it is there.

    The database decides what is new, since a search beforehand loses races.

    :param model: the Odoo model, in a transaction of its own
    :param dict values: of columns; creator and date are added
    :return: the id of the new row in a list, or an empty list
    :raise psycopg2.errors.SerializationFailure: the row came after our snapshot
    """
    values = {
        **values,
        "create_uid": model.env.uid,
        "create_date": datetime.now(timezone.utc).replace(tzinfo=None),
    }
    columns = SQL(", ").join(map(SQL.identifier, values))
    model.env.cr.execute(
        SQL(
            "INSERT INTO %s (%s) VALUES %s ON CONFLICT DO NOTHING RETURNING id",
            SQL.identifier(model._table),
            columns,
            tuple(values.values()),
        ),
        # A lost race is expected here, and the caller goes on after it.
        log_exceptions=False,
    )
    return [row_id for (row_id,) in model.env.cr.fetchall()]
