"""Events that no webhook has told of: found in Mailgun's record, and written down."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from odoo.tools import format_datetime

from ..tools.event_log import EventsApi, Query, Window, event_time

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
    :param is_complete: the record was read to its end
    """

    since: float
    ours: int = 0
    missing: int = 0
    is_complete: bool = False

    def describe(self, env):
        """Say it in words, for the person who asked."""
        facts = {
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
        with domain._open_reader() as client:
            for page in EventsApi(client, domain.name).pages(query):
                ours, missing = domain.env["mailgun.event"]._recover(domain, page)
                result.ours += ours
                result.missing += missing
                if not has_time():
                    self._save(window.cut(max(map(event_time, page))))
                    return result
        self._save(window.cursor)
        result.is_complete = True
        return result

    def _save(self, cursor):
        self._domain._write_alone(events_cursor=_moment(cursor))


def _moment(seconds):
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.replace(tzinfo=None, microsecond=0)


def _epoch(moment):
    return moment.replace(tzinfo=timezone.utc).timestamp()
