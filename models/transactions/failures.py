"""What an exception means: whether it passes by itself, and what is kept of it."""

import random
import time
import traceback

import psycopg2
from psycopg2.extensions import TransactionRollbackError

from odoo.exceptions import ConcurrencyError, LockError
from odoo.sql_db import PoolError

from ...tools.errors import MailgunError, SettingError, TransientError

# A lost connection or a lost race is nobody's fault and gone a minute later.
_PASSING = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    ConcurrencyError,
    LockError,
    MemoryError,
)

# How the codes begin with which PostgreSQL ends a connection ("operator intervention"),
# does not open one, or loses it.
_LOST_CONNECTION = ("57P", "53300", "08")

MAX_DETAIL = 10_000


def is_retryable(error):
    """Tell whether an exception, or one that caused it, is likely to pass.

    :param BaseException error: or None
    """
    if isinstance(error, MailgunError):
        # Of ours each says itself what to do; a missing key may be there within hours.
        return isinstance(error, SettingError | TransientError)
    return _is_due_to(error, _PASSING)


def is_lost_race(error):
    """Tell whether an exception says that another transaction was first.

    :param BaseException error: or None
    """
    return _is_due_to(error, (TransactionRollbackError, ConcurrencyError, LockError))


def is_no_connection(error):
    """Tell whether there is no connection to the database, or not any more.

    What PostgreSQL answers otherwise, a lock that takes too long, say, has a code.

    :param Exception error: as it was raised
    """
    if isinstance(error, PoolError):
        return True
    if not isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
        return False
    return not error.pgcode or error.pgcode.startswith(_LOST_CONNECTION)


def retry_races(tries, attempt):
    """Call a function, and again a moment later when another transaction was first.

    :param int tries: how often at the most
    :param attempt: is called with the number of tries that are left; it may be called
        again, and must find nothing of what it did before
    :return: what ``attempt`` returned
    :raise Exception: what ``attempt`` raised, the last time or for another reason
    """
    for left in reversed(range(tries)):
        try:
            return attempt(left)
        except Exception as error:  # noqa: BLE001  other modules may raise anything
            if not (left and is_lost_race(error)):
                raise
            time.sleep(random.uniform(0.02, 0.2))
    raise AssertionError("unreachable")


def is_no_route(error):
    """Tell whether core found nobody to take the mail.

    Its only sign is the text (mail_thread.py, ``message_route``; the mailgate script
    looks for the same words).
    """
    return isinstance(error, ValueError) and "No possible route" in str(error)


def summary_of(error):
    """Return kind and text of an exception, as text that PostgreSQL takes.

    Of ours the text is a sentence for the person who reads it, and says it all.

    :param BaseException error: that was raised
    """
    kind = "" if isinstance(error, MailgunError) else f"{type(error).__name__}: "
    return f"{kind}{error}".replace("\0", "")


def traceback_of(error):
    """Return where an exception came from, as text that PostgreSQL takes.

    :param BaseException error: that was raised
    """
    text = "".join(traceback.format_exception(error))
    return text.replace("\0", "")[-MAX_DETAIL:]


def _is_due_to(error, kinds):
    while error is not None:
        if isinstance(error, kinds):
            return True
        error = error.__cause__ or error.__context__
    return False
