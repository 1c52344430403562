"""Who applies which events when: locks and turns, nothing about what events mean.

Events of one message are applied by one worker, and not while somebody is sending that
message: both would write the same notifications. Whoever does not get the lock leaves
the events for the next run.
"""

import functools
import logging

from ..transactions.failures import is_retryable, summary_of, traceback_of
from ..transactions.locks import SENT_MESSAGE, try_lock_many
from ..transactions.own_cursor import committed, own_cursor
from ..transactions.work_queue import WorkQueue

_logger = logging.getLogger(__name__)

#: Of ``mailgun.open.row``: events to be applied, and those that could not be.
PENDING, FAILED = "event", "failed event"

# Events that share a transaction: their work is done for all of them at once.
BATCH = 200


class EventQueue(WorkQueue):
    """Works off the events of one database, oldest first."""

    def _next(self, env, busy):
        """Return Message-Ids by the ids of the events whose turn it is."""
        env.cr.execute(
            """SELECT event.id, COALESCE(event.message_id, '')
                 FROM mailgun_open_row AS listed
                 JOIN mailgun_event AS event ON event.id = listed.row
                WHERE listed.kind = %s AND event.state = 'pending'
                  AND NOT COALESCE(event.message_id, '') = ANY(%s)
                ORDER BY listed.at, listed.row
                LIMIT %s""",
            [PENDING, busy, BATCH],
        )
        return dict(env.cr.fetchall())

    def _work(self, waiting):
        """Apply events together; one by one when that fails, to find out which.

        What passes by itself, such as a lost connection, is left for the next run.

        :param dict waiting: Message-Ids by the events' ids
        :return: how many were dealt with, and the Message-Ids that are locked
        """
        error, done, left = self._attempt(waiting)
        if error is None:
            return done, left
        count = 0
        for event_id, message_id in waiting.items():
            error, done, busy = self._attempt({event_id: message_id})
            if is_retryable(error):
                busy = {message_id}
            elif error is not None:
                done = self._give_up(event_id, error)
            count += done
            left |= busy
        return count, left

    def _attempt(self, waiting):
        """Apply events in one transaction, unless they are locked.

        :return: what went wrong, or None; how many were applied; what was locked
        """
        try:
            work = functools.partial(self._apply, waiting)
            return None, *committed(self._registry, work)
        except Exception as error:  # noqa: BLE001  other modules may raise anything
            return error, 0, set()

    def _apply(self, waiting, env):
        names = set(waiting.values())
        # The first statement, so that what is read afterwards is as it is now.
        free = try_lock_many(env.cr, SENT_MESSAGE, names)
        ids = [event_id for event_id, name in waiting.items() if name in free]
        events = env["mailgun.event"].browse(ids)
        events._apply()
        return len(ids), names - free

    def _give_up(self, event_id, error):
        _logger.error(
            "Mailgun event %s cannot be applied: %s", event_id, error, exc_info=error
        )
        with own_cursor(self._registry) as env:
            event = env["mailgun.event"].browse(event_id)
            text = f"{summary_of(error)}\n\n{traceback_of(error)}"
            event.write({"state": "failed", "error": text})
            event._list_as("failed")
        return 1


def wake(registry):
    """Let the scheduled action that applies events run as soon as a worker is free.

    :param odoo.modules.registry.Registry registry: of the database
    """
    with own_cursor(registry) as env:
        cron = env.ref("mail_mailgun.ir_cron_events", raise_if_not_found=False)
        if cron:
            cron._trigger()
