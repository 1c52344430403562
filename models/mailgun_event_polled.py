from datetime import datetime, timezone

from odoo import api, models

from ..tools.errors import MalformedPayload
from ..tools.event_post import event_of, reference_of
from .own_cursor import own_cursor


class MailgunEvent(models.Model):
    """Events that were asked of Mailgun because no webhook has told of them."""

    _inherit = "mailgun.event"

    @api.model
    def _recover(self, domain, items):
        """Write down what is missing of a page of Mailgun's record.

        Events of mail that others send by the same domain leave no trace.

        :param domain: the ``mailgun.domain`` whose record it is
        :param list[dict] items: as the Events API gives them
        :return: how many are about our mail, and how many of these were missing
        """
        keep = domain.keep_reader_details
        read = [(item, post) for item in items if (post := _post_of(item, keep))]
        with own_cursor(self.env.registry) as env:
            events = env[self._name]
            ours = events._ours(read)
            missing = events._unknown(domain.id, ours)
        return len(ours), sum(len(self._receive(domain, post)) for post in missing)

    def _ours(self, read):
        """Return the events about deliveries that we have, as ``EventPost``.

        :param list read: items of the Events API and what they say
        """
        references = self._known(
            "reference", [reference_of(item) for item, _post in read]
        )
        message_ids = [post.message_id for _item, post in read]
        ids = self._known("message_id", message_ids)
        ids |= self._known("mailgun_id", message_ids)
        return [
            post
            for item, post in read
            if reference_of(item) in references or post.message_id in ids
        ]

    def _known(self, column, values):
        """Return which of ``values`` a delivery has in a column."""
        wanted = list(filter(None, set(values)))
        if not wanted:
            return set()
        deliveries = self.env["mailgun.delivery"]
        found = deliveries._read_group([(column, "in", wanted)], [column])
        return {value for (value,) in found}

    def _unknown(self, domain_id, posts):
        """Return the events that were not written down yet."""
        self.env.cr.execute(
            """SELECT event_id, day, event FROM mailgun_event
                WHERE domain_id = %s AND event_id = ANY(%s)""",
            [domain_id, [post.event_id for post in posts]],
        )
        known = set(self.env.cr.fetchall())
        return [post for post in posts if _key(post) not in known]


def _post_of(item, keep_reader_details):
    try:
        return event_of(item, keep_reader_details)
    except MalformedPayload:
        return None


def _key(post):
    """Return what tells an event from others of its domain, see ``_event_unique``."""
    moment = datetime.fromtimestamp(post.occurred_at, timezone.utc)
    return post.event_id, moment.date(), post.event
