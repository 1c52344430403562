"""Working off what waits in a table, while others do the same."""

from .own_cursor import own_cursor


class WorkQueue:
    """Works off the rows of one database, in transactions of its own.

    Rows that belong to one message are one worker's. Whoever finds another one at them
    leaves them to him.

    :param odoo.modules.registry.Registry registry: of the database
    """

    def __init__(self, registry):
        self._registry = registry

    def work(self, budget, after_each=None):
        """Do what is due, in its order.

        :param Budget budget: for it
        :param after_each: called with the number of rows after each piece
        :return: the number of rows dealt with
        """
        total, busy = 0, []
        while not budget.is_over:
            with own_cursor(self._registry) as env:
                piece = self._next(env, busy)
            if not piece:
                break
            count, left = self._work(piece)
            busy += left
            total += count
            if after_each:
                after_each(count)
        return total

    def _next(self, env, busy):
        """Return the piece whose turn it is, or something empty.

        :param env: an environment of the superuser
        :param list busy: Message-Ids that others are at
        """
        raise NotImplementedError

    def _work(self, piece):
        """Do a piece.

        :return: how many rows were dealt with, and the Message-Ids that others are at
        """
        raise NotImplementedError
