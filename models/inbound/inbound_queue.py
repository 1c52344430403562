"""Who routes which mail when: locks and turns, nothing about mail itself.

* One worker per Message-Id: a try-lock on a helper transaction that is held open while
  the working transactions come and go, each with a fresh snapshot. Whoever does not get
  it leaves the mail to the holder, who looks again after each commit.
* The senders take turns, each one's mails in their order (``floods.py``).
* A few workers of the web server at a time: a second kind of try-lock, so that a burst
  of mail never takes the workers away from users.
"""

import functools
import logging

import psycopg2

from odoo import fields

from ...const import DEFAULT_ROUTING_SLOTS, RACES_PER_ATTEMPT, ROUTING_TIME_BUDGET
from ..transactions.budget import Budget
from ..transactions.failures import retry_races
from ..transactions.locks import (
    FAILED_MAIL,
    ROUTED_MESSAGE,
    ROUTING_SLOT,
    lock,
    try_lock,
)
from ..transactions.own_cursor import committed, own_cursor
from ..transactions.work_queue import WorkQueue

_logger = logging.getLogger(__name__)

SLOTS_PARAMETER = "mail_mailgun.routing_slots"


class InboundQueue(WorkQueue):
    """Works off the journal of one database, one mail of each sender in turns."""

    def work_after_answer(self):
        """Route what is due in a web worker that has just answered a post.

        Ends when nothing is left, others are at it, or the time budget is used up; the
        cron goes on then.
        """
        budget = Budget(ROUTING_TIME_BUDGET)
        # Look again after letting go of the slot: a post that found all slots taken
        # has left its mail to whoever holds one.
        while self._is_anything_due():
            if budget.is_over:
                self._wake_cron()
                return
            if not self._work_in_slot(budget):
                return

    def _work_in_slot(self, budget):
        with own_cursor(self._registry) as helper:
            if not self._take_slot(helper):
                return 0
            return self.work(budget)

    def _is_anything_due(self):
        with own_cursor(self._registry) as env:
            return bool(self._next(env, []))

    def _next(self, env, busy):
        env.cr.execute(
            """SELECT message_id FROM mailgun_inbound_email
                WHERE state = 'pending'
                  AND next_attempt_at <= %s
                  AND NOT message_id = ANY(%s)
                ORDER BY turn, id
                LIMIT 1""",
            [fields.Datetime.now(), busy],
        )
        row = env.cr.fetchone()
        return row and row[0]

    def _work(self, message_id):
        """Route every waiting row of one mail, unless another worker is at it."""
        count = 0
        with own_cursor(self._registry) as helper:
            if try_lock(helper.cr, ROUTED_MESSAGE, message_id):
                while row_id := self._claim(message_id):
                    self._route(row_id)
                    count += 1
        return count, [] if count else [message_id]

    def _claim(self, message_id):
        return committed(
            self._registry,
            lambda env: env["mailgun.inbound.email"]._claim(message_id).id,
        )

    def _route(self, row_id):
        try:
            # Two workers wrote the same row, say the status of an alias after its
            # first mail: whoever lost is welcome a moment later.
            attempt = functools.partial(self._try_route, row_id)
            is_loop = retry_races(RACES_PER_ATTEMPT, attempt)
        except Exception as error:  # noqa: BLE001  custom models may raise anything
            self._register_failure(row_id, error)
        else:
            if is_loop:
                self._hold_rest(row_id)

    def _register_failure(self, row_id, error):
        # One after the other: it depends on the failures before who is told of one.
        with own_cursor(self._registry) as helper:
            lock(helper.cr, FAILED_MAIL)
            # commit() may raise after it has committed (mails are sent there), so the
            # row is read again before it is called a failure; if it is still there.
            with own_cursor(self._registry) as env:
                for row in env["mailgun.inbound.email"].browse(row_id).exists():
                    row._register_failure(error)
            try:
                with own_cursor(self._registry) as env:
                    for row in env["mailgun.inbound.email"].browse(row_id).exists():
                        row._tell_of_failure()
            except Exception:
                # Other modules may raise anything, and the next mail is waiting.
                _logger.exception("Nobody was told that mail %s failed", row_id)

    def _try_route(self, row_id, races_left):
        with own_cursor(self._registry) as env:
            row = env["mailgun.inbound.email"].browse(row_id)
            return row._route(bool(races_left))

    def _hold_rest(self, row_id):
        try:
            committed(
                self._registry,
                lambda env: env["mailgun.inbound.email"].browse(row_id)._hold_rest(),
            )
        except psycopg2.Error as error:
            # The next mail that is stopped brings it up again.
            _logger.info("A flood is not held yet: %s", error)

    def _take_slot(self, env):
        slots = env["ir.config_parameter"].get_param(SLOTS_PARAMETER)
        count = int(slots) if str(slots).isdigit() else DEFAULT_ROUTING_SLOTS
        return any(try_lock(env.cr, ROUTING_SLOT, str(slot)) for slot in range(count))

    def _wake_cron(self):
        with own_cursor(self._registry) as env:
            env["mailgun.inbound.email"]._trigger_queue()
