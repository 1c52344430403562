"""Taking mail from Mailgun that it could not post, or that got lost on the way."""

import logging
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone

from odoo.tools import format_datetime

from ...tools.api.event_log import EventLog, EventsApi, Query, Window, event_time
from ...tools.api.management import Management
from ...tools.api.stored_mail import fetch, find_stored
from ...tools.errors import MalformedPayload, RefusedMessage, SettingError

_logger = logging.getLogger(__name__)

# Mailgun's smallest plan keeps events for a day; a longer gap may not be seen whole.
SHORTEST_RETENTION = 24 * 3600


class InboundRecovery:
    """Compares Mailgun's events with the journal of one domain.

    :param domain: the ``mailgun.domain``
    """

    def __init__(self, domain):
        self._domain = domain
        self._journal = domain.env["mailgun.inbound.email"]

    def check(self):
        """Prove that the key may read events.

        :raise MailgunError: it may not, or cannot be asked
        """
        now = time.time()
        with self._domain._open_client() as client:
            self._find(client, now - 60, now)

    def run(self, cursor, now):
        """Journal what is missing.

        Late events are the rule, so each run looks at the last stretch again.

        :param float cursor: of the run before, seconds since 1970
        :param float now: seconds since 1970
        :return: a ``RecoveryReport``
        :raise MailgunError: Mailgun cannot be asked
        """
        window = Window.after(cursor, now)
        report = RecoveryReport(cursor=window.cursor)
        with self._domain._open_client() as client:
            mails = self._find(client, window.begin, window.end)
            if not all(map(self._is_known, mails)):
                self._refuse_mail_of_another(client)
            for mail in mails:
                self._take(client, mail, report)
            if now - cursor > SHORTEST_RETENTION:
                report.blind = self._blind_time(client, cursor, now)
        if report.recovered:
            self._journal._trigger_queue()
        return report

    def _refuse_mail_of_another(self, client):
        """Leave mail alone that Mailgun hands to another database.

        :raise SettingError: where it goes, and what to do to have it here
        """
        try:
            route = self._domain._route_of_another(Management(client))
        except (RefusedMessage, SettingError):
            # A key that may read events and no routes is good enough.
            return
        if route:
            raise SettingError(
                self._domain.env._(
                    "Mail for %(domain)s goes to another database (%(there)s), so none "
                    "of it is missing here. If it is to come here, press Take Over on "
                    "the Mailgun domain.",
                    domain=self._domain.name,
                    there=", ".join(route.urls),
                )
            )

    def _blind_time(self, client, cursor, now):
        """Return since when and until when Mailgun's record tells nothing, or None."""
        log = EventLog(EventsApi(client, self._domain.name))
        first = next(log.read(Query(1, now)), None)
        begin = event_time(first) if first else now
        return (cursor, begin) if begin > cursor else None

    def _find(self, client, begin, end):
        """Return the mails of Mailgun's events, or say what the key is missing."""
        log = EventLog(EventsApi(client, self._domain.name))
        try:
            return list(find_stored(log, begin, end))
        except SettingError as error:
            if error.status not in (401, 403):
                raise
            raise SettingError(
                self._domain.env._(
                    "The key of %s may not read Mailgun's events: it is a sending key, "
                    "or its role forbids it. Missed mail can only be asked for with an "
                    "API key.",
                    self._domain.name,
                ),
                error.status,
                error.detail,
            ) from error

    def _take(self, client, mail, report):
        report.see(mail)
        if self._is_known(mail):
            return
        try:
            post = fetch(client, mail)
        except (RefusedMessage, MalformedPayload) as error:
            self._give_up(mail, error, report)
        except SettingError as error:
            if error.status:
                raise
            # An address that is none of Mailgun's; the others are still asked for.
            self._give_up(mail, error, report)
        else:
            if self._journal._receive(self._domain, post, f"event/{mail.key}"):
                report.recover(mail)

    def _give_up(self, mail, error, report):
        _logger.warning("Missed mail %s cannot be had: %s", mail.message_id, error)
        report.lose(mail)

    def _is_known(self, mail):
        if not mail.message_id:
            return False
        found = self._journal.search_count(
            [
                ("domain_id", "=", self._domain.id),
                ("message_id", "=", mail.message_id),
                ("recipient", "in", list(mail.recipients)),
            ]
        )
        return found >= len(mail.recipients)


@dataclass
class RecoveryReport:
    """Counts mails, of which Mailgun's events may tell several times.

    :param cursor: up to when the events are complete, seconds since 1970
    :param blind: since when and until when Mailgun's record tells nothing, or None
    """

    cursor: float = 0.0
    blind: tuple[float, float] | None = None
    _seen: set = field(default_factory=set)
    _recovered: set = field(default_factory=set)
    _lost: set = field(default_factory=set)

    def see(self, mail):
        """Count a ``StoredMail`` that Mailgun tells of."""
        self._seen.add(_name(mail))

    def recover(self, mail):
        """Count a mail that the journal has only now."""
        self._recovered.add(_name(mail))

    def lose(self, mail):
        """Count a mail that is neither here nor kept at Mailgun."""
        self._lost.add(_name(mail))

    @property
    def recovered(self):
        """How many mails the journal has only now."""
        return len(self._recovered)

    @property
    def lost(self):
        """How many mails are neither here nor to be had."""
        return len(self._lost - self._recovered)

    @property
    def is_complete(self):
        """Whether nothing is missing."""
        return not self.lost and not self.blind

    def describe(self, env):
        """Say it in words, for the person who asked."""
        return " ".join(filter(None, [self._found(env), self._not_found(env)]))

    def _found(self, env):
        if not self._seen:
            return env._("Mailgun tells of no mail that came in meanwhile.")
        return env._(
            "Mailgun tells of %(seen)s mails; %(recovered)s of them were missing here "
            "and are in the journal now.",
            seen=len(self._seen),
            recovered=self.recovered,
        )

    def _not_found(self, env):
        texts = []
        if self.lost:
            texts.append(
                env._(
                    "%s mails are missing and no longer kept by Mailgun: ask their "
                    "senders again. Who they are is in Mailgun's log of these days.",
                    self.lost,
                )
            )
        if self.blind:
            since, until = (_moment(env, seconds) for seconds in self.blind)
            texts.append(
                env._(
                    "Mailgun's record does not reach back far enough (it depends on "
                    "the plan): what came in from %(since)s to %(until)s cannot be "
                    "told.",
                    since=since,
                    until=until,
                )
            )
        return " ".join(texts)


def _name(mail):
    return mail.message_id or mail.key


def _moment(env, seconds):
    moment = datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)
    return format_datetime(env, moment)
