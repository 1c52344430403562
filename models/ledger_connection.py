"""The connection of the ledger, on which each statement is committed by itself."""

import contextlib
import threading

import psycopg2

from odoo.modules import module

from .own_cursor import own_cursor

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
