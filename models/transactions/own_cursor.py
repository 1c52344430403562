"""Transactions of our own: the one way to them, and what is done in them.

One helper, so that tests can put every such transaction into theirs, and so that the
lint can tell who opens one.
"""

import contextlib
from datetime import datetime, timezone

from odoo import SUPERUSER_ID, api
from odoo.tools import SQL

from ...const import RACES_PER_ATTEMPT
from .failures import retry_races

#: Context key: files are written whole or not at all.
WHOLE_FILES = "mailgun_whole_files"


@contextlib.contextmanager
def own_cursor(registry, context=None):
    """Open a transaction, committed at the end unless something raises.

    :param odoo.modules.registry.Registry registry: of the database
    :param dict context: for the environment
    :return: an environment of the superuser
    """
    with registry.cursor() as cursor:
        context = {WHOLE_FILES: True, **(context or {})}
        yield api.Environment(cursor, SUPERUSER_ID, context)


def committed(registry, work):
    """Do some work in a transaction of its own, again when another one was first.

    :param odoo.modules.registry.Registry registry: of the database
    :param work: called with an environment of the superuser; it may be called again,
        and then finds nothing of what it did before
    :return: what ``work`` returned
    """

    def attempt(_left):
        with own_cursor(registry) as env:
            return work(env)

    return retry_races(RACES_PER_ATTEMPT, attempt)


def insert_if_new(model, values):
    """Insert a row unless a unique constraint says that it is there.

    The database decides what is new, since a search beforehand loses races.

    :param model: the Odoo model, in a transaction of its own
    :param dict values: of columns, perhaps as expressions of SQL; creator and date are
        added
    :return: the id of the new row in a list, or an empty list
    :raise psycopg2.errors.SerializationFailure: the row came after our snapshot
    """
    values = {
        **values,
        "create_uid": model.env.uid,
        "create_date": datetime.now(timezone.utc).replace(tzinfo=None),
    }
    model.env.cr.execute(
        SQL(
            "INSERT INTO %s (%s) VALUES (%s) ON CONFLICT DO NOTHING RETURNING id",
            SQL.identifier(model._table),
            SQL(", ").join(map(SQL.identifier, values)),
            SQL(", ").join(SQL("%s", value) for value in values.values()),
        ),
        # A lost race is expected here, and the caller goes on after it.
        log_exceptions=False,
    )
    return [row_id for (row_id,) in model.env.cr.fetchall()]
