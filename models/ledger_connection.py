"""The connection of the ledger, on which each statement is committed by itself."""

import contextlib
import threading

import psycopg2

from odoo.modules import module

from .own_cursor import own_cursor


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

        :raise odoo.sql_db.PoolError: all connections are in use
        """
        if module.current_test:
            # The test's only connection belongs to all.
            with own_cursor(self._registry) as env:
                yield env.cr
            return
        with self._lock:
            if self._cursor is None:
                self._cursor = self._registry.cursor()
                self._cursor._cnx.autocommit = True
            try:
                yield self._cursor
            except psycopg2.Error:
                self._close()
                raise

    def close(self):
        """Give the connection back; the next entry opens another."""
        with self._lock:
            self._close()

    def _close(self):
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            if not cursor._cnx.closed:
                cursor._cnx.autocommit = False
            cursor.close()
