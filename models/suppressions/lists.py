"""Mailgun's lists: read from end to end and piece by piece, and written.

Odoo's blacklist is taken over into one of them for domains of newsletters only.
"""

import logging
import time

from ...tools.api.suppressions import MAX_BATCH, UNSUBSCRIBES, SuppressionLists
from ...tools.errors import ApiError, NotUnderstood, RefusedMessage, TransientError
from ..transactions.own_cursor import committed, own_cursor

_logger = logging.getLogger(__name__)

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
                self._note(page)
                self._reading = self._reading.after(page, new)
                if not self._work_off(has_time):
                    return False
        return True

    def _next_page(self, lists):
        try:
            return lists.page(self._name, self._reading.next)
        except ApiError as error:
            passes = isinstance(error, TransientError)
            if self._reading.next and (not passes or isinstance(error, NotUnderstood)):
                # The page may be gone: the next time from the beginning.
                self._reading = self._reading.afresh()
                self._commit(0)
            raise

    def _note(self, page):
        """Note who is still on the list; at the first reading whom Odoo knows."""
        known = [] if self._reading.noted else self._domain._concerned(page.items)
        began = 0 if page.next else self._reading.began

        def write(env):
            domain = env["mailgun.domain"].browse(self._domain.id)
            suppressions = env["mailgun.suppression"]
            suppressions._note(domain, self._name, known)
            suppressions._see(domain, self._name, [one.address for one in page.items])
            if began:
                suppressions._forget_unseen(domain, self._name, began)

        committed(self._domain.env.registry, write)

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


# Mailgun takes addresses off a list one by one.
_TAKEN_BACK_AT_ONCE = 20


class BlacklistPush:
    """Makes the list say what Odoo's blacklist says, as far as the entries are ours.

    What was done at Mailgun is written down afterwards: done twice it does no harm.

    :param domain: the ``mailgun.domain``
    """

    def __init__(self, domain):
        self._domain = domain
        self._registry = domain.env.registry

    def run(self, has_time):
        """Go on; tell whether nothing is left to do.

        :param has_time: tells after each piece whether there is time for another
        :raise MailgunError: Mailgun cannot be asked
        """
        with self._domain._open_reader() as client:
            lists = SuppressionLists(client, self._domain.name)
            while addresses := self._read("_to_take_back", _TAKEN_BACK_AT_ONCE):
                self._take_back(lists, addresses)
                if not has_time():
                    return False
            while addresses := self._read("_to_push", MAX_BATCH):
                self._push(lists, addresses)
                if not has_time():
                    return False
        return True

    def _read(self, method, limit):
        with own_cursor(self._registry) as env:
            return getattr(env["mailgun.unsubscribe"], method)(self._domain, limit)

    def _take_back(self, lists, addresses):
        for address in addresses:
            try:
                lists.remove(UNSUBSCRIBES, address)
            except RefusedMessage as error:
                _logger.info("Mailgun does not forget an unsubscribe: %s", error)
        committed(
            self._registry,
            lambda env: env["mailgun.unsubscribe"]._forget(self._domain, addresses),
        )

    def _push(self, lists, addresses):
        try:
            lists.unsubscribe(addresses)
        except RefusedMessage:
            if len(addresses) > 1:
                # One of them is none for Mailgun, and stands in the way of the others.
                middle = len(addresses) // 2
                self._push(lists, addresses[:middle])
                self._push(lists, addresses[middle:])
                return
            is_ours = False
        else:
            is_ours = True
        committed(
            self._registry,
            lambda env: env["mailgun.unsubscribe"]._note(
                self._domain, addresses, is_ours
            ),
        )
