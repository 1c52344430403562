"""Sending side by side, so that the way to Mailgun and back is not waited for.

Each lane is a thread with a transaction and a connection of its own. All mails of one
message go through one lane, since core writes the message with each of them.
"""

import contextlib
import logging
import queue
import threading

from odoo import api
from odoo.modules.registry import Registry

from ...const import (
    LANES_BYTES,
    LANES_COMPUTING,
    MAILS_PER_TRANSACTION,
    TURN_PATIENCE,
)
from ...tools.scales import Scales
from ...tools.turns import Turns
from ..transactions.failures import is_no_connection, summary_of

_logger = logging.getLogger(__name__)

# Bytes of files from which on a lane takes no other mail into the same transaction.
_HEAVY = LANES_BYTES // 16

# What a lane says last; before it, it tells the ids of mails.
_END = None


class SendingLanes:
    """Deals mails out to lanes.

    :param mails: the ``mail.mail`` records of one batch; their transaction is committed
    :param SendingRun run: of the batch
    :param OutgoingSession session: how lanes open theirs
    """

    def __init__(self, mails, run, session):
        self._mails = mails
        self._run = run
        self._session = session
        self._groups = queue.SimpleQueue()
        self._done = queue.SimpleQueue()
        self._turns = Turns(LANES_COMPUTING, TURN_PATIENCE)
        self._scales = Scales(LANES_BYTES)
        self._weights = mails._mailgun_weights()
        self._error = None
        for group in mails.grouped("mail_message_id").values():
            self._groups.put(group.ids)
        self._count = min(session.policy.lane_count, self._groups.qsize())

    def send(self, after):
        """Send until nothing is left or the run is over.

        :param after: called in this thread with the ids of mails that were dealt with
        :raise Exception: the first that a lane could not deal with
        """
        # Lanes see what is committed only.
        self._mails._mailgun_commit()
        # Without the ledger none of them can send.
        self._session.ledger.connection.open()
        thread = threading.current_thread()
        lanes = [
            # Not daemons: a server that ends lets a mail under way come to its end.
            threading.Thread(
                target=self._work,
                args=(getattr(thread, "dbname", self._mails.env.cr.dbname),),
                name=f"{thread.name}.lane{number}",
                daemon=False,
            )
            for number in range(self._count)
        ]
        started = _started(lanes)
        try:
            self._report(len(started), after)
        finally:
            for lane in started:
                lane.join()
        self._mails.env.invalidate_all()
        if self._error:
            raise self._error

    def _report(self, working, after):
        """Tell what was done meanwhile, in the thread of the caller.

        :param int working: how many lanes have to end until all is done
        """
        while working:
            told = [self._done.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    told.append(self._done.get_nowait())
            working -= told.count(_END)
            if ids := [mail_id for ids in told if ids for mail_id in ids]:
                after(ids)

    def _work(self, dbname):
        env = self._mails.env
        threading.current_thread().dbname = dbname
        threading.current_thread().uid = env.uid
        try:
            with Registry(env.cr.dbname).cursor() as cursor:
                lane_env = api.Environment(cursor, env.uid, env.context, env.su)
                self._send_groups(lane_env)
        except Exception as error:
            if is_no_connection(error):
                # The others go on; if there is none, the queue comes back to the mails.
                _logger.warning(
                    "A lane of the mail queue has no database connection (%s). If that "
                    "happens often, lower the domain's lanes, or raise db_maxconn and "
                    "PostgreSQL's max_connections.",
                    summary_of(error).strip(),
                )
            else:
                _logger.exception("A lane of the mail queue has ended")
                self._error = self._error or error
        finally:
            self._done.put(_END)

    def _send_groups(self, env):
        turn = self._turns.join()
        session = self._session.reopen(env, turn.given)
        try:
            with turn.taken():
                while not (self._run.is_over or self._error) and (ids := self._take()):
                    mails = env["mail.mail"].browse(ids)
                    with self._scales.carrying(self._weight(ids), turn.given):
                        done = mails._mailgun_send_together(self._run, session)
                    self._done.put(done)
        finally:
            session.quit()

    def _take(self):
        """Return the ids of some mails, all of a message or none.

        Towards the end they are fewer, so that all lanes end at the same time; with
        large files as well, so that they are not all in one lane.
        """
        ids = []
        share = self._groups.qsize() // (2 * self._count)
        count = max(1, min(MAILS_PER_TRANSACTION, share))
        with contextlib.suppress(queue.Empty):
            while len(ids) < count and self._weight(ids) < _HEAVY:
                ids += self._groups.get_nowait()
        return ids

    def _weight(self, ids):
        return sum(self._weights.get(mail_id, 0) for mail_id in ids)


def _started(lanes):
    """Start as many lanes as there is room for; return those.

    :raise Exception: there is none for the first
    """
    for number, lane in enumerate(lanes):
        try:
            lane.start()
        except (MemoryError, RuntimeError) as error:
            if not number:
                raise
            _logger.warning(
                "The mail queue sends by %s lanes instead of %s: %s",
                number,
                len(lanes),
                summary_of(error),
            )
            return lanes[:number]
    return lanes
