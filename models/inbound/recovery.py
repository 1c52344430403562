"""Taking mail from Mailgun that it could not post, or that got lost on the way."""

import logging
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone

from odoo.tools import format_datetime

from ...tools.api.management import Management
from ...tools.api.record import LATE_SECONDS, SHORTEST_RETENTION, Query, Window
from ...tools.api.stored_mail import (
    STORED_TYPES,
    StoredMail,
    fetch,
    last_refusal,
    stored_mail_of,
)
from ...tools.errors import (
    ApiError,
    MalformedPayload,
    NotThere,
    NotUnderstood,
    RefusedMessage,
    SettingError,
)
from .arrivals import RECOVERED

_logger = logging.getLogger(__name__)

# Seconds after which Mailgun keeps no mail any more, whatever it answers.
_LONGEST_KEPT = 8 * 24 * 3600


class InboundRecovery:
    """Compares Mailgun's events with the journal of one domain.

    :param domain: the ``mailgun.domain``
    """

    def __init__(self, domain):
        self._domain = domain
        self._journal = domain.env["mailgun.inbound.email"]
        self._is_ours = False

    def check(self):
        """Prove that the key may read events.

        :raise MailgunError: it may not, or cannot be asked
        """
        with self._domain._open_reader() as client:
            next(self._domain._record(client).read(Query(time.time() - 60)), None)

    def run(self, cursor, now, has_time=lambda: True):
        """Journal what is missing.

        Late events are the rule, so each run looks at the last stretch again.

        :param float cursor: of the run before, seconds since 1970
        :param float now: seconds since 1970
        :param has_time: tells after each page whether there is time for another
        :return: a ``RecoveryReport``
        :raise MailgunError: Mailgun cannot be asked
        """
        window = Window.after(cursor, now)
        report = RecoveryReport(cursor=window.cursor)
        with self._domain._open_reader() as client:
            record = self._domain._record(client, has_time)
            if now - cursor > SHORTEST_RETENTION:
                report.blind = _blind_time(record, cursor, now)
            for event in record.read(Query(window.begin, window.end, STORED_TYPES)):
                if mail := stored_mail_of(event):
                    self._take(client, mail, report)
            if not record.is_complete:
                report.cut(window.cut(record.reached))
            if report.last:
                self._note_refusal(client, report.last)
        if report.recovered:
            self._journal._trigger_queue()
        return report

    def _refuse_mail_of_another(self, client):
        """Leave mail alone that Mailgun hands to another database; asked once.

        :raise SettingError: where it goes, and what to do to have it here
        """
        if self._is_ours:
            return
        self._is_ours = True
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

    def _take(self, client, mail, report):
        report.see(mail)
        if self._is_known(mail):
            return
        self._refuse_mail_of_another(client)
        try:
            post = fetch(client, mail)
        except NotUnderstood as error:
            self._put_off(mail, error, report)
        except (NotThere, RefusedMessage, MalformedPayload) as error:
            self._give_up(mail, error, report)
        except SettingError as error:
            if error.status:
                raise
            # An address that is none of Mailgun's; the others are still asked for.
            self._give_up(mail, error, report)
        else:
            post = self._journal._without_arrived(self._domain, post, mail.at)
            if self._journal._receive(self._domain, post, RECOVERED + mail.key):
                report.recover(mail)

    def _note_refusal(self, client, mail):
        """Note why the post of a mail was refused, if Mailgun tells.

        :param StoredMail mail: that had to be fetched
        """
        query = Query(mail.at - 60, types=("failed",), message_id=mail.message_id)
        try:
            post = last_refusal(self._domain._record(client).read(query))
        except ApiError as error:
            _logger.info("Not told why mail was not posted: %s", error)
            return
        if post:
            self._domain._note_refused_post(post)

    def _put_off(self, mail, error, report):
        """Ask for a mail again the next time, as long as it may be kept at all."""
        if time.time() - mail.at > _LONGEST_KEPT:
            self._give_up(mail, error, report)
        else:
            _logger.info("Missed mail %s is asked for again: %s", mail.key, error)
            report.cut(mail.at + LATE_SECONDS)

    def _give_up(self, mail, error, report):
        _logger.warning("Missed mail %s cannot be had: %s", mail.message_id, error)
        report.lose(mail)

    def _is_known(self, mail):
        return self._journal._has_arrived(self._domain, mail)


@dataclass
class RecoveryReport:
    """Counts mails, of which Mailgun's events may tell several times.

    :param cursor: up to when the events are complete, seconds since 1970
    :param blind: since when and until when Mailgun's record tells nothing, or None
    :param is_cut: there is more to be looked through
    :param last: the last ``StoredMail`` that the journal has only now, or None
    """

    cursor: float = 0.0
    blind: tuple[float, float] | None = None
    is_cut: bool = False
    last: StoredMail | None = None
    _seen: set = field(default_factory=set)
    _recovered: set = field(default_factory=set)
    _lost: set = field(default_factory=set)

    def see(self, mail):
        """Count a ``StoredMail`` that Mailgun tells of."""
        self._seen.add(_name(mail))

    def recover(self, mail):
        """Count a mail that the journal has only now."""
        self.last = mail
        self._recovered.add(_name(mail))

    def lose(self, mail):
        """Count a mail that is neither here nor kept at Mailgun."""
        self._lost.add(_name(mail))

    def cut(self, cursor):
        """Have the next run begin earlier: there is more.

        :param float cursor: seconds since 1970
        """
        self.cursor, self.is_cut = min(self.cursor, cursor), True

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
        return not (self.lost or self.blind or self.is_cut)

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
        if self.is_cut:
            texts.append(env._("There is more: press the button again to go on."))
        return " ".join(texts)


def _blind_time(record, cursor, now):
    """Return since when and until when Mailgun's record tells nothing, or None."""
    oldest = record.oldest()
    begin = now if oldest is None else oldest
    return (cursor, begin) if begin > cursor else None


def _name(mail):
    return mail.message_id or mail.key


def _moment(env, seconds):
    moment = datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)
    return format_datetime(env, moment)
