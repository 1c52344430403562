"""The ledger of what was handed to Mailgun, safe from whatever happens to the sender.

Each entry is committed in a short transaction of its own: before a POST that it is
about to be made, after it how it ended. What a crash leaves behind is a row that still
says ``sending``, and that is the one thing nobody may guess about (see
``doubt.py``). The sender's own transaction cannot see these rows: its
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
from ...tools.errors import (
    DoubtfulError,
    RefusedRecipient,
    TransientError,
    UnsettledError,
)
from ...tools.sentence import Sentence as _lt
from ..transactions.failures import is_no_connection, retry_races
from ..transactions.own_cursor import own_cursor
from .mailgun_delivery import OPEN_KIND
from .outgoing_session import MailInHand, Outcome

# An entry waits for a lock of others no longer than this: all lanes wait with it, and
# perhaps one of them holds what those others wait for.
_NOT_FOR_LONG = SQL("SELECT set_config('lock_timeout', '5s', true);")

# It need not be on the disk before anything else is done.
_NOT_DURABLE = SQL("SELECT set_config('synchronous_commit', 'off', true);")


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
        self.origin = origin

    # === BEFORE THE POST === #

    def begin(self, recipients):
        """See ``tools.session.Ledger``."""
        self._partner_ref = self.hand.take_copy(recipients)

    def reserve(self, message_id, recipients):
        """See ``tools.session.Ledger``; everybody gets what they have not got yet."""
        reference = f"{self.origin}.{secrets.token_urlsafe(12)}"
        with _database_trouble_is(TransientError):
            reservation, known = self._committed(
                self._reserve, message_id, self._partner_ref, recipients, reference
            )
        self._note(known)
        return reservation

    def _reserve(self, cursor, message_id, partner_ref, recipients, reference):
        """Return the reservation, and how it ended before for whom it is not for."""
        attempt, wanted, known = self.hand.attempt, recipients, {}
        if attempt > 1 or not self.hand.mail_id:
            wanted, attempt, known = self._wanted(
                cursor, message_id, partner_ref, recipients
            )
        ids = self._insert(cursor, message_id, partner_ref, wanted, attempt, reference)
        left = [recipient for recipient in wanted if recipient not in ids]
        if left:
            try:
                known |= self._settled(cursor, message_id, partner_ref, left, attempt)
            except UnsettledError:
                # The others wait as well, and nothing is in doubt about them.
                self._delete(cursor, list(ids.values()))
                raise
        refused = filter(None, (known[one].as_error() for one in left))
        reservation = Reservation(
            list(ids), reference, list(ids.values()), next(refused, None)
        )
        return reservation, known

    def _wanted(self, cursor, message_id, partner_ref, recipients):
        """Return who is to get the message by this attempt, its number, and the rest.

        :return: the third is how it ended for others, by recipient
        """
        hand = self.hand
        _execute(
            cursor,
            SQL(
                """SELECT DISTINCT ON (recipient)
                          recipient, attempt, state, reason, reason_kind
                     FROM mailgun_delivery
                    WHERE message_id = %s AND mail_id = %s AND partner_ref = %s
                    ORDER BY recipient, attempt DESC""",
                message_id,
                hand.mail_id,
                partner_ref,
            ),
        )
        last = {recipient: rest for recipient, *rest in cursor.fetchall()}
        if not hand.mail_id:
            # Nobody but the caller knows why, so it is on purpose.
            attempts = (attempt for attempt, *_how in last.values())
            return recipients, 1 + max(attempts, default=0), {}
        if hand.resend_all:
            return recipients, hand.attempt, {}
        again = (*LOST_STATES, "sending")
        known = {
            recipient: Outcome(state, *why)
            for recipient, (attempt, state, *why) in last.items()
            if attempt < hand.attempt and state not in again
        }
        return [one for one in recipients if one not in known], hand.attempt, known

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
        _execute(
            cursor,
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
        )
        return dict(cursor.fetchall())

    def _settled(self, cursor, message_id, partner_ref, recipients, attempt):
        """Return how this attempt ended for whom it was begun before.

        Nobody is sent to while it is not known whether somebody has the mail already.

        :raise UnsettledError: an earlier sender was stopped in the middle
        """
        _execute(
            cursor,
            SQL(
                """SELECT recipient, state, reason, reason_kind
                     FROM mailgun_delivery
                    WHERE message_id = %s AND mail_id = %s AND partner_ref = %s
                      AND attempt = %s AND recipient = ANY(%s)""",
                message_id,
                self.hand.mail_id,
                partner_ref,
                attempt,
                recipients,
            ),
        )
        known = {recipient: Outcome(*how) for recipient, *how in cursor.fetchall()}
        missing = Outcome("sending")
        if any(known.get(one, missing).state == "sending" for one in recipients):
            raise UnsettledError(
                _lt(
                    "Sending was interrupted after Mailgun was asked to take the mail "
                    "and before its answer was known."
                )
            )
        return known

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
        self._after(self._update, reservation, assignments, is_durable=False)
        self._note(dict.fromkeys(reservation.recipients, Outcome("accepted")))

    def refuse(self, reservation, error):
        """See ``tools.session.Ledger``."""
        reason = error.detail or str(error)
        kind = "address" if isinstance(error, RefusedRecipient) else "refused"
        assignments = SQL(
            "state = 'failed', failed_at = %s, reason = %s, reason_kind = %s",
            Datetime.now(),
            reason,
            kind,
        )
        self._after(self._update, reservation, assignments)
        outcome = Outcome("failed", reason, kind)
        self._note(dict.fromkeys(reservation.recipients, outcome))

    def doubt(self, reservation, error):
        """See ``tools.session.Ledger``."""
        assignments = SQL("doubt = %s", "failure" if error.status else "lost")
        self._after(self._update, reservation, assignments, is_end=False)

    def release(self, reservation):
        """See ``tools.session.Ledger``."""
        self._after(self._delete, reservation.ids)

    def _after(self, write, *arguments, **options):
        """Write down what became of it; a mail of which that fails is in doubt."""
        with _database_trouble_is(DoubtfulError):
            self._committed(write, *arguments, **options)

    def _note(self, outcomes):
        for recipient, outcome in outcomes.items():
            self.hand.outcomes[self._partner_ref, recipient] = outcome

    def _delete(self, cursor, ids):
        delete = "%s DELETE FROM mailgun_delivery WHERE id = ANY(%s)"
        _execute(cursor, SQL(delete, _closed(ids), ids))

    def _update(self, cursor, reservation, values, is_end=True, is_durable=True):
        _execute(
            cursor,
            SQL(
                "%s %s UPDATE mailgun_delivery SET %s WHERE id = ANY(%s)",
                SQL() if is_durable else _NOT_DURABLE,
                _closed(reservation.ids) if is_end else SQL(),
                values,
                reservation.ids,
            ),
        )

    def _committed(self, write, *arguments, **options):
        """Run ``write`` in a transaction of its own, again if it lost a race.

        Once more on a new connection when the one at hand is broken, say because
        PostgreSQL was restarted: what is written has the same end however often.
        """

        def attempt(_left):
            with self.connection.cursor() as cursor:
                return write(cursor, *arguments, **options)

        try:
            return retry_races(RACES_PER_MAIL, attempt)
        except psycopg2.Error as error:
            if not is_no_connection(error):
                raise
            return retry_races(RACES_PER_MAIL, attempt)

    def close(self):
        """See ``tools.session.Ledger``."""
        self.connection.close()

    def read(self):
        """Return what is known of all copies of the mail in hand.

        :return: contact, recipient, state, reason and kind of reason of each
        """
        with self.connection.cursor() as cursor:
            cursor.execute(
                """SELECT DISTINCT ON (partner_ref, recipient)
                          partner_ref, recipient, state, reason, reason_kind
                     FROM mailgun_delivery
                    WHERE message_id = %s AND mail_id = %s
                    ORDER BY partner_ref, recipient, attempt DESC""",
                [self.hand.message_id, self.hand.mail_id],
            )
            return cursor.fetchall()


def _execute(cursor, statement):
    """Run a statement of an entry, with its settings, in a transaction of its own.

    What is sent as one is one transaction, and the settings end with it: such as
    outlive it would be of whoever gets the connection from a pooler next.

    :raise psycopg2.Error: not logged: it is tried again, or the mail says why not
    """
    cursor.execute(SQL("%s %s", _NOT_FOR_LONG, statement), log_exceptions=False)


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
        return cursor

    def _close(self):
        cursor, self._cursor = self._cursor, None
        if cursor is None:
            return
        # Others get this connection next, as they are used to it.
        if not cursor._cnx.closed:
            cursor._cnx.autocommit = False
        cursor.close()
