"""Events that no webhook has told of: found in Mailgun's record, and written down."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from odoo import api, fields, models
from odoo.tools import format_datetime

from ...tools.api.record import Query, Window
from ...tools.event_post import event_or_none, origin_of, reference_of
from ..domain import keys as secret_keys
from ..domain.notification import CLOSE, notification
from ..transactions.own_cursor import own_cursor

# How far back the first look goes; Mailgun's smallest plan keeps events for a day.
_FIRST_LOOK = timedelta(days=1)

# What can become of a mail that was sent; the record tells of other mail as well.
_TYPES = (
    "accepted",
    "clicked",
    "complained",
    "delivered",
    "failed",
    "opened",
    "rejected",
    "unsubscribed",
)


@dataclass
class RecoveredEvents:
    """What asking for events has brought.

    :param since: from when on the record was read, seconds since 1970
    :param ours: how many events are about our mail
    :param missing: how many of them had not been told
    :param unknown: how many copies of mail had no delivery, and have one now
    :param is_complete: the record was read to its end
    """

    since: float
    ours: int = 0
    missing: int = 0
    unknown: int = 0
    is_complete: bool = False

    def describe(self, env):
        """Say it in words, for the person who asked."""
        facts = {
            "unknown": self.unknown,
            "since": format_datetime(env, _moment(self.since)),
            "ours": self.ours,
            "missing": self.missing,
        }
        if self.missing:
            found = env._(
                "Since %(since)s Mailgun tells of %(ours)s events of our mail; "
                "%(missing)s of them were missing here and are applied within a "
                "minute.",
                **facts,
            )
        else:
            found = env._(
                "Nothing was missed: Mailgun tells of %(ours)s events of our mail "
                "since %(since)s, and they are all here.",
                **facts,
            )
        if self.unknown:
            found = env._(
                "%(unknown)s copies of mail were sent that this database did not know, "
                "and are written down now. %(found)s",
                found=found,
                **facts,
            )
        rest = env._("There are more: press the button again to go on.")
        return found if self.is_complete else f"{found} {rest}"


class EventRecovery:
    """Compares Mailgun's record with the events of one domain.

    Late events are the rule, so each run looks at the last stretch again.

    :param domain: the ``mailgun.domain``
    """

    def __init__(self, domain):
        self._domain = domain

    def run(self, has_time):
        """Write down what is missing, as far as there is time.

        :param has_time: tells after each page whether there is time for another
        :rtype: RecoveredEvents
        :raise MailgunError: Mailgun cannot be asked
        """
        domain, now = self._domain, time.time()
        cursor = domain._read_alone("events_cursor") or _moment(now) - _FIRST_LOOK
        window = Window.after(_epoch(cursor), now)
        result = RecoveredEvents(since=window.begin)
        query = Query(window.begin, window.end, _TYPES)
        references = set()
        with domain._open_reader() as client:
            record = domain._record(client, has_time)
            for page in record.pages(query):
                events = domain.env["mailgun.event"]
                found = events._recover(domain, page, references)
                result.unknown += found[0]
                result.ours += found[1]
                result.missing += found[2]
        if result.unknown:
            domain._note_unknown(result.unknown)
        result.is_complete = record.is_complete
        self._save(window.cursor if record.is_complete else window.cut(record.reached))
        return result

    def _save(self, cursor):
        self._domain._write_alone(events_cursor=_moment(cursor))


def _moment(seconds):
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.replace(tzinfo=None, microsecond=0)


def _epoch(moment):
    return moment.replace(tzinfo=timezone.utc).timestamp()


class MailgunEvent(models.Model):
    """Events that were asked of Mailgun because no webhook has told of them."""

    _inherit = "mailgun.event"

    @api.model
    def _recover(self, domain, items, references):
        """Write down what is missing of a page of Mailgun's record.

        Events of mail that others send by the same domain leave no trace.

        :param domain: the ``mailgun.domain`` whose record it is
        :param list[dict] items: as the record gives them
        :param set references: of mail that had no delivery; new ones are added
        :return: how many copies of mail had no delivery; how many events are about our
            mail, and how many of these were missing
        """
        keep = domain.keep_reader_details
        read = [(item, post) for item in items if (post := event_or_none(item, keep))]
        with own_cursor(self.env.registry) as env:
            events = env[self._name]
            unknown = events._write_missed(domain, read, references)
            ours = events._ours(read)
            missing = events._unknown(domain.id, ours)
        received = sum(len(self._receive(domain, post)) for post in missing)
        return unknown, len(ours), received

    def _ours(self, read):
        """Return the events about deliveries that we have, as ``EventPost``.

        :param list read: items of the record and what they say
        """
        own = {*self.env["mailgun.domain"]._identities(), ""}
        read = [one for one in read if origin_of(reference_of(one[0])) in own]
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


class MailgunDomain(models.Model):
    """Asks for events that were missed, say while Odoo was down for a day."""

    _inherit = "mailgun.domain"

    # Up to when Mailgun's record of events was looked through.
    events_cursor = fields.Datetime(readonly=True, copy=False)

    def _polls(self):
        return {**super()._polls(), "events": self._poll_events}

    def _poll_events(self, has_time):
        return EventRecovery(self).run(has_time).is_complete

    def action_fetch_events(self):
        """Fetch what no webhook has told, and say how much it was.

        :raise UserError: Mailgun cannot be asked, and why
        """
        self.ensure_one()
        with secret_keys.as_user_error(self.env):
            found = EventRecovery(self).run(self._poll_pace())
        kind = "success" if found.is_complete else "warning"
        text = found.describe(self.env)
        return notification(kind, text, CLOSE, sticky=not found.is_complete)


def _key(post):
    """Return what tells an event from others of its domain, see ``_event_unique``."""
    moment = datetime.fromtimestamp(post.occurred_at, timezone.utc)
    return post.event_id, moment.date(), post.event
