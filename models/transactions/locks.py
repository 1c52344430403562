"""Locks, for work that two workers must not do at once.

Transaction-level only: they survive a connection pool, and vanish with the worker that
held them. A name that does not fit into a number is hashed; two names with one hash
only wait for each other without need.
"""

from odoo.tools import SQL

# First halves of the lock numbers ("mg" and a counter).
ROUTED_MESSAGE = 0x6D670001
ROUTING_SLOT = 0x6D670002
# Shared by whoever sends the message, exclusive for whoever applies what became of it.
SENT_MESSAGE = 0x6D670003
# Held by the one who is sending a mail.mail right now.
SENDING_MAIL = 0x6D670004
# Held by the one who writes down that a mail failed.
FAILED_MAIL = 0x6D670005

# Held by the one who judges trouble, and tells of it.
JUDGING = 0x6D670006


def try_lock(cursor, kind, name):
    """Take a lock if nobody has it; tell whether it was taken.

    :param cursor: whose transaction holds it
    :param int kind: one of the numbers above
    :param str name: of what is locked
    """
    cursor.execute("SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", [kind, name])
    return cursor.fetchone()[0]


def lock(cursor, kind, name=""):
    """Take a lock, waiting for whoever has it.

    :param cursor: whose transaction holds it; what waits for it to be held belongs into
        another one, which sees what was committed meanwhile
    :param int kind: one of the numbers above
    :param str name: of what is locked
    """
    cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [kind, name])


def try_lock_many(cursor, kind, names):
    """Take all locks that nobody has; return the names of those.

    :param list[str] names: of what is locked
    """
    cursor.execute(
        """SELECT name FROM unnest(%s) AS name
            WHERE pg_try_advisory_xact_lock(%s, hashtext(name))""",
        [list(names), kind],
    )
    return {name for (name,) in cursor.fetchall()}


def lock_for_sending(cursor, mail_id, message_id):
    """Take what a sender needs: the mail for itself, the message with other senders.

    Waits while what became of the message is being written down, which takes a moment.

    :return: whether nobody else is sending the mail
    :rtype: bool
    """
    cursor.execute(
        """SELECT pg_try_advisory_xact_lock(%s, %s),
                  pg_advisory_xact_lock_shared(%s, hashtext(%s))""",
        [SENDING_MAIL, mail_id, SENT_MESSAGE, message_id],
    )
    return cursor.fetchone()[0]


def lock_rows(records):
    """Lock rows that are about to be written, or find out that it is too late.

    Whoever waits for a lock that is of no row may have seen them before the one who had
    it has written them. PostgreSQL turns the write down then; so does it this question,
    which is expected and not logged.

    :param records: of one model
    :raise psycopg2.errors.SerializationFailure: they were changed since this
        transaction began: it begins again, see ``retry_races``
    """
    statement = "SELECT id FROM %s WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
    table = SQL.identifier(records._table)
    records.env.cr.execute(SQL(statement, table, records.ids), log_exceptions=False)


def lock_notifications(mail):
    """Lock the notifications that an email is sent for, as ``lock_rows`` does.

    :param mail: one ``mail.mail``
    :raise psycopg2.errors.SerializationFailure: see ``lock_rows``
    """
    mail.env.cr.execute(
        """SELECT id FROM mail_notification WHERE mail_mail_id = %s
            ORDER BY id FOR NO KEY UPDATE""",
        [mail.id],
        log_exceptions=False,
    )


def is_being_sent(cursor, mail_id):
    """Tell whether a worker is sending a mail right now."""
    cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [SENDING_MAIL, mail_id])
    return not cursor.fetchone()[0]
