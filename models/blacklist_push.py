"""Odoo's blacklist taken over into a list at Mailgun, for domains of newsletters."""

import logging

from ..tools.errors import RefusedMessage
from ..tools.suppressions import MAX_BATCH, UNSUBSCRIBES, SuppressionLists
from .own_cursor import own_cursor
from .short_transaction import committed

_logger = logging.getLogger(__name__)

# Mailgun takes addresses off a list one by one.
_PORTION = 20


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
            while addresses := self._read("_to_take_back", _PORTION):
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
