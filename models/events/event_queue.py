"""Who applies which events when: locks and turns, nothing about what events mean.

Events of one message are applied by one worker, and not while somebody is sending that
message: both would write the same notifications. Whoever does not get the lock leaves
the events for the next run.
"""

import functools
import logging
import random
import time

import psycopg2

from odoo.modules import module
from odoo.modules.registry import Registry

from ...const import EVENT_WAKE_SECONDS, RACES_PER_ATTEMPT
from ...tools.throttle import Throttle
from ..transactions.failures import is_lost_race, summary_of, traceback_of
from ..transactions.locks import SENT_MESSAGE, try_lock_many
from ..transactions.own_cursor import own_cursor

_logger = logging.getLogger(__name__)

#: Of ``mailgun.open.row``: events to be applied, and those that could not be.
PENDING, FAILED = "event", "failed event"

# Events that share a transaction: their work is done for all of them at once.
BATCH = 200


class EventQueue:
    """Works off the events of one database.

    :param odoo.modules.registry.Registry registry: of the database
    """

    def __init__(self, registry):
        self._registry = registry

    def work(self, deadline, after_each=None):
        """Apply what is there, oldest first.

        :param float deadline: by ``time.monotonic()``
        :param after_each: called with the number of events after each batch
        :return: the number of events dealt with
        """
        total, busy = 0, []
        while time.monotonic() < deadline:
            waiting = self._next_batch(busy)
            if not waiting:
                break
            count, left = self._work_batch(waiting)
            busy += left
            total += count
            if after_each:
                after_each(count)
        return total

    def _next_batch(self, busy):
        """Return ids and Message-Ids of the oldest events whose turn it is."""
        with own_cursor(self._registry) as env:
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

    def _work_batch(self, waiting):
        """Apply events together; one by one when that fails, to find out which.

        :param dict waiting: Message-Ids by the events' ids
        :return: how many were dealt with, and the Message-Ids that are locked
        """
        error, done, left = self._attempt(waiting)
        if error is None:
            return done, left
        count = 0
        for event_id, message_id in waiting.items():
            error, done, busy = self._attempt({event_id: message_id})
            if error is not None:
                done = self._give_up(event_id, error)
            count += done
            left |= busy
        return count, left

    def _attempt(self, waiting):
        """Try until no other transaction is first.

        :return: what went wrong, or None; how many were applied; what was locked
        """
        for races_left in reversed(range(RACES_PER_ATTEMPT)):
            try:
                with own_cursor(self._registry) as env:
                    return None, *self._apply(env, waiting)
            except Exception as error:  # noqa: BLE001  other modules may raise anything
                if not (races_left and is_lost_race(error)):
                    return error, 0, set()
                time.sleep(random.uniform(0.02, 0.2))
        raise AssertionError("not reached")

    def _apply(self, env, waiting):
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


_logger = logging.getLogger(__name__)

CRON = "mail_mailgun.ir_cron_events"


def wake_after(response, registry):
    """Have new events applied soon, once Mailgun has its answer.

    :param werkzeug.wrappers.Response response: the answer
    :param odoo.modules.registry.Registry registry: of the database
    """
    if module.current_test:
        # The test's only connection is this request's; nobody waits for an answer.
        wake(registry)
    else:
        response.call_on_close(_throttle(registry.db_name).call)


def wake(registry):
    """Let the scheduled action run as soon as a worker is free."""
    with own_cursor(registry) as env:
        cron = env.ref(CRON, raise_if_not_found=False)
        if cron:
            cron._trigger()


@functools.cache
def _throttle(dbname):
    return Throttle(EVENT_WAKE_SECONDS, functools.partial(_wake, dbname))


def _wake(dbname):
    try:
        wake(Registry(dbname))
    except psycopg2.Error as error:
        # No connection to be had, say; it comes within a minute by itself.
        _logger.info("Events are left to the scheduled action: %s", error)
