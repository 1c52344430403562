import logging
import time
from datetime import timezone

from odoo import models

from ..tools.errors import SettingError, TransientError
from ..tools.event_log import EventLog, EventsApi, Query
from ..tools.event_post import event_of, reference_of
from .own_cursor import own_cursor

_logger = logging.getLogger(__name__)

# Mailgun's clock and this server's may differ by as much.
_CLOCK_SECONDS = 300


class MailgunDomain(models.Model):
    """Asks Mailgun's record of events about mail of which nobody knows the fate."""

    _inherit = "mailgun.domain"

    def _settle_deliveries(self, rows):
        """Ask about each POST that is in doubt.

        :param rows: ``mailgun.delivery`` records of this domain
        :return: whether events were found, which are to be applied then
        :rtype: bool
        """
        if self.state != "ready" or self.is_foreign:
            # What a copy of the database finds is the original's business.
            return False
        found = False
        by_post = rows.grouped("reference").values()
        try:
            for some in by_post:
                events = self._events_of(some)
                found |= bool(events)
                self._conclude(some, "taken" if events else "unknown")
        except TransientError as error:
            _logger.info("Mailgun cannot be asked about mail in doubt: %s", error)
        except SettingError as error:
            _logger.info("Mailgun may not be asked about mail in doubt: %s", error)
            for some in by_post:
                self._conclude(some, "forbidden")
        return found

    def _events_of(self, rows):
        """Return the events of one POST; they are kept, to be applied.

        Asked by recipient and not by Message-Id: Mailgun may have given another one.

        :raise SettingError: the key may not read events
        :raise TransientError: there is no answer now
        """
        if self.key_kind == "sending":
            raise SettingError("it is a sending key")
        first = rows[0]
        begin = first.sending_at.replace(tzinfo=timezone.utc).timestamp()
        query = Query(
            begin - _CLOCK_SECONDS,
            time.time() + _CLOCK_SECONDS,
            recipient=first.recipient,
        )
        with self._open_client() as client:
            log = EventLog(EventsApi(client, self.name))
            keep = self.keep_reader_details
            posts = [event_of(item, keep) for item in log.read(query)]
        mine = [post for post in posts if _is_about(post, first)]
        for post in mine:
            self.env["mailgun.event"]._receive(self, post)
        return mine

    def _conclude(self, rows, answer):
        with own_cursor(self.env.registry) as env:
            # Whoever else asked at the same time may have given them back.
            if left := env["mailgun.delivery"].browse(rows.ids).exists():
                left._conclude_doubt(answer)


def _is_about(post, row):
    """Tell whether an event is about a POST: by our mark, or by the Message-Id."""
    marked = reference_of(post.payload)
    return marked == row.reference if marked else post.message_id == row.message_id
