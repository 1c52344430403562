"""Reading one list of suppressions at Mailgun, from end to end and piece by piece."""

import time

from ..tools.errors import ApiError, TransientError
from ..tools.suppressions import SuppressionLists
from .short_transaction import committed

# Entries that share a transaction: each may cost core a search in several models.
_PORTION = 100


class SuppressionPull:
    """Takes over what is new in a list; how far it is read is kept on the domain.

    :param domain: the ``mailgun.domain``
    :param str name: of the list
    """

    def __init__(self, domain, name):
        self._domain = domain
        self._name = name
        self._reading = domain._suppression_reading(name)

    def run(self, has_time):
        """Go on reading; tell whether the end of the list was reached.

        :param has_time: tells after each piece whether there is time for another
        :raise MailgunError: Mailgun cannot be asked
        """
        if self._reading.left and not self._work_off(has_time):
            return False
        self._reading = self._reading.begin(time.time())
        with self._domain._open_reader() as client:
            lists = SuppressionLists(client, self._domain.name)
            while self._reading.began:
                page = self._next_page(lists)
                new = self._domain._concerned(self._reading.new_in(page))
                self._reading = self._reading.after(page, new)
                if not self._work_off(has_time):
                    return False
        return True

    def _next_page(self, lists):
        try:
            return lists.page(self._name, self._reading.next)
        except ApiError as error:
            if self._reading.next and not isinstance(error, TransientError):
                # The page may be gone: the next time from the beginning.
                self._reading = self._reading.afresh()
                self._commit(0)
            raise

    def _work_off(self, has_time):
        """Deal with what is new, and store how far the list is read.

        :return: whether there is time to go on, or nothing to go on with
        """
        waiting = len(self._reading.left)
        while True:
            self._commit(min(waiting, _PORTION))
            waiting -= _PORTION
            in_time = has_time()
            if waiting <= 0:
                return in_time or not self._reading.began
            if not in_time:
                return False

    def _commit(self, count):
        self._reading = committed(
            self._domain.env.registry, lambda env: self._deal_with(env, count)
        )
        self._domain.invalidate_recordset(["suppression_readings"])

    def _deal_with(self, env, count):
        domain = env["mailgun.domain"].browse(self._domain.id)
        some = self._reading.left[:count]
        busy = domain._take_suppressions(self._name, some) if some else ()
        reading = self._reading.without(count, busy)
        stored = {**(domain.suppression_readings or {}), self._name: reading.store()}
        domain.suppression_readings = stored
        return reading
