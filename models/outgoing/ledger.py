"""The ledger of what was handed to Mailgun, safe from whatever happens to the sender.

Each entry is committed in a short transaction of its own: before a POST that it is
about to be made, after it how it ended. What a crash leaves behind is a row that still
says ``sending``, and that is the one thing nobody may guess about (see
``mailgun_delivery_doubt.py``). The sender's own transaction cannot see these rows: its
snapshot is older. Whatever it has to know of them it learns here.
"""

import contextlib
import secrets
import threading

import psycopg2

from odoo.fields import Datetime
from odoo.modules import module
from odoo.tools import SQL

from ...const import LOST_STATES, RACES_PER_MAIL
from ...tools.addresses import domain_of
from ...tools.api.session import Reservation
from ...tools.errors import DoubtfulError, TransientError, UnsettledError
from ...tools.sentence import Sentence as _lt
from ..transactions.failures import retry_races
from ..transactions.own_cursor import own_cursor
from .mailgun_delivery import OPEN_KIND
from .outgoing_session import MailInHand

# Whether an entry has to be on the disk before anything else is done.
_DURABLE = SQL()

_NOT_DURABLE = SQL("FROM (SELECT set_config('synchronous_commit', 'off', true)) AS how")


class DeliveryLedger:
    """Writes down what one session sends (``tools.session.Ledger``).

    :param LedgerConnection connection: shared with other sessions, perhaps
    :param int domain_id: of the ``mailgun.domain``
    :param str origin: the domain's identity, by which mail of a copy is told apart
    """

    def __init__(self, connection, domain_id, origin):
        self.hand = MailInHand()
        self.connection = connection
        self._partner_ref = 0
        self._domain_id = domain_id
        self._origin = origin

    # === BEFORE THE POST === #

    def reserve(self, message_id, recipients):
        """See ``tools.session.Ledger``; everybody gets what they have not got yet."""
        hand = self.hand
        hand.message_id = message_id
        self._partner_ref = hand.take_copy(recipients)
        reference = f"{self._origin}.{secrets.token_urlsafe(12)}"
        with _database_trouble_is(TransientError):
            reservation = self._committed(
                self._reserve, message_id, self._partner_ref, recipients, reference
            )
        hand.is_plain &= len(reservation.recipients) == len(recipients)
        return reservation

    def _reserve(self, cursor, message_id, partner_ref, recipients, reference):
        attempt = self.hand.attempt
        wanted = recipients
        if attempt > 1 or not self.hand.mail_id:
            wanted, attempt = self._wanted(cursor, message_id, partner_ref, recipients)
        ids = self._insert(cursor, message_id, partner_ref, wanted, attempt, reference)
        left = [recipient for recipient in wanted if recipient not in ids]
        if left:
            try:
                self._check_settled(cursor, message_id, partner_ref, left, attempt)
            except UnsettledError:
                # The others wait as well, and nothing is in doubt about them.
                self._delete(cursor, list(ids.values()))
                raise
        return Reservation(list(ids), reference, list(ids.values()))

    def _wanted(self, cursor, message_id, partner_ref, recipients):
        """Return who is to get the message by this attempt, and its number."""
        hand = self.hand
        cursor.execute(
            """SELECT DISTINCT ON (recipient) recipient, attempt, state
                 FROM mailgun_delivery
                WHERE message_id = %s AND mail_id = %s AND partner_ref = %s
                ORDER BY recipient, attempt DESC""",
            [message_id, hand.mail_id, partner_ref],
        )
        last = {recipient: rest for recipient, *rest in cursor.fetchall()}
        if not hand.mail_id:
            # Nobody but the caller knows why, so it is on purpose.
            return recipients, 1 + max((one[0] for one in last.values()), default=0)
        if hand.resend_all:
            return recipients, hand.attempt
        again = (*LOST_STATES, "sending")
        wanted = [
            recipient
            for recipient in recipients
            if recipient not in last
            or last[recipient][0] >= hand.attempt
            or last[recipient][1] in again
        ]
        return wanted, hand.attempt

    def _insert(self, cursor, message_id, partner_ref, recipients, attempt, reference):
        """Return the ids of new rows by recipient."""
        if not recipients:
            return {}
        now, hand = Datetime.now(), self.hand
        values = SQL(", ").join(
            SQL(
                "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'sending', %s)",
                self._domain_id,
                message_id,
                hand.message_ref or None,
                hand.mail_id,
                partner_ref,
                recipient,
                domain_of(recipient),
                attempt,
                reference,
                hand.res_model or None,
                hand.tag or None,
                now,
            )
            for recipient in recipients
        )
        cursor.execute(
            SQL(
                """WITH new AS (
                   INSERT INTO mailgun_delivery
                          (domain_id, message_id, message_ref, mail_id, partner_ref,
                           recipient, recipient_domain, attempt, reference,
                           res_model, tag, state, sending_at)
                   VALUES %s
                   ON CONFLICT DO NOTHING
                   RETURNING recipient, id),
                   opened AS (
                   INSERT INTO mailgun_open_row (kind, row, at)
                   SELECT %s, id, %s FROM new)
                   SELECT recipient, id FROM new""",
                values,
                OPEN_KIND,
                now,
            ),
            log_exceptions=False,
        )
        return dict(cursor.fetchall())

    def _check_settled(self, cursor, message_id, partner_ref, recipients, attempt):
        """Refuse to send while it is not known whether somebody has the mail already.

        :raise UnsettledError: an earlier sender was stopped in the middle
        """
        cursor.execute(
            """SELECT count(*) FROM mailgun_delivery
                WHERE message_id = %s AND mail_id = %s AND partner_ref = %s
                  AND attempt = %s AND recipient = ANY(%s) AND state = 'sending'""",
            [message_id, self.hand.mail_id, partner_ref, attempt, recipients],
        )
        if cursor.fetchone()[0]:
            raise UnsettledError(
                _lt(
                    "Sending was interrupted after Mailgun was asked to take the mail "
                    "and before its answer was known."
                )
            )

    # === AFTER THE POST === #

    def accept(self, reservation, mailgun_id):
        """See ``tools.session.Ledger``.

        The entry may be lost with PostgreSQL: then it is in doubt, and settled.
        """
        assignments = SQL(
            """state = CASE state WHEN 'sending' THEN 'accepted' ELSE state END,
               accepted_at = COALESCE(accepted_at, %s),
               mailgun_id = NULLIF(%s, message_id), doubt = NULL""",
            Datetime.now(),
            mailgun_id,
        )
        with _database_trouble_is(DoubtfulError):
            self._committed(self._update, reservation, assignments, _NOT_DURABLE)
        self.hand.taken += [
            (self._partner_ref, recipient) for recipient in reservation.recipients
        ]

    def refuse(self, reservation, error):
        """See ``tools.session.Ledger``."""
        self.hand.is_plain = False
        assignments = SQL(
            "state = 'failed', failed_at = %s, reason = %s, reason_kind = 'refused'",
            Datetime.now(),
            error.detail or str(error),
        )
        self._committed(self._update, reservation, assignments)

    def doubt(self, reservation, error):
        """See ``tools.session.Ledger``."""
        kind = "failure" if error.status else "lost"
        assignments = SQL("doubt = %s", kind)
        self._committed(self._update, reservation, assignments, _DURABLE, False)

    def release(self, reservation):
        """See ``tools.session.Ledger``."""
        self._committed(self._delete, reservation.ids)

    def _delete(self, cursor, ids):
        cursor.execute(
            SQL(
                "%s DELETE FROM mailgun_delivery WHERE id = ANY(%s)",
                _closed(ids),
                ids,
            )
        )

    def _update(self, cursor, reservation, assignments, how=_DURABLE, is_end=True):
        closing = _closed(reservation.ids) if is_end else SQL()
        cursor.execute(
            SQL(
                "%s UPDATE mailgun_delivery SET %s %s WHERE id = ANY(%s)",
                closing,
                assignments,
                how,
                reservation.ids,
            )
        )

    def _committed(self, write, *arguments):
        """Run ``write`` in a transaction of its own, again if it lost a race."""

        def attempt(_left):
            with self.connection.cursor() as cursor:
                return write(cursor, *arguments)

        return retry_races(RACES_PER_MAIL, attempt)

    def close(self):
        """See ``tools.session.Ledger``."""
        self.connection.close()

    # === WHAT BECAME OF IT === #

    def read(self, message_id, mail_id):
        """Return what is known of a mail's copies, the last attempt of each.

        :return: contact, recipient, state, reason and kind of reason of each
        """
        with self.connection.cursor() as cursor:
            cursor.execute(
                """SELECT DISTINCT ON (partner_ref, recipient)
                          partner_ref, recipient, state, reason, reason_kind
                     FROM mailgun_delivery
                    WHERE message_id = %s AND mail_id = %s
                    ORDER BY partner_ref, recipient, attempt DESC""",
                [message_id, mail_id],
            )
            return cursor.fetchall()


def _closed(ids):
    """Return the beginning of a statement with which deliveries end being in doubt."""
    return SQL(
        """WITH closed AS (DELETE FROM mailgun_open_row
                            WHERE kind = %s AND row = ANY(%s))""",
        OPEN_KIND,
        ids,
    )


@contextlib.contextmanager
def _database_trouble_is(kind):
    """Say what trouble with the database means for the mail: an error of ours."""
    try:
        yield
    except psycopg2.Error as error:
        raise kind(
            _lt(
                "The database could not note what is sent, so sending waits: %(kind)s",
                kind=type(error).__name__,
            )
        ) from error


# An entry waits for a lock of others no longer than this: all lanes wait with it, and
# perhaps one of them holds what those others wait for.
_LOCK_TIMEOUT = "5s"


class LedgerConnection:
    """One connection for all lanes of a batch, open while there is something to write.

    To borrow a connection for each entry, to begin and to commit takes longer than the
    entry does; to keep one for each lane would take them from those who use Odoo
    meanwhile.

    :param odoo.modules.registry.Registry registry: of the database
    """

    def __init__(self, registry):
        self._registry = registry
        self._cursor = None
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def cursor(self):
        """Give a cursor to one thread at a time; after an error the next one is new.

        :raise psycopg2.Error: what a statement raises; a lock that takes too long is a
            ``LockNotAvailable``, and without a free connection it is a ``PoolError``
        """
        if module.current_test:
            # The test's only connection belongs to all.
            with own_cursor(self._registry) as env:
                yield env.cr
            return
        with self._lock:
            if self._cursor is None:
                self._cursor = self._open()
            try:
                yield self._cursor
            except psycopg2.Error:
                self._close()
                raise

    def open(self):
        """Get the connection now, if one is free, before others take it."""
        with contextlib.suppress(psycopg2.Error), self.cursor():
            pass

    def close(self):
        """Give the connection back; the next entry opens another."""
        with self._lock:
            self._close()

    def _open(self):
        cursor = self._registry.cursor()
        cursor._cnx.autocommit = True
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [_LOCK_TIMEOUT])
        return cursor

    def _close(self):
        cursor, self._cursor = self._cursor, None
        if cursor is None:
            return
        # Others get this connection next, as they are used to it.
        with contextlib.suppress(psycopg2.Error):
            cursor.execute("RESET lock_timeout", log_exceptions=False)
        if not cursor._cnx.closed:
            cursor._cnx.autocommit = False
        cursor.close()
