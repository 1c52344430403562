"""Taking mail from Mailgun that it could not post, or that got lost on the way."""

import time
from dataclasses import dataclass

from ..tools.errors import SettingError
from ..tools.event_log import EventLog, EventsApi, Window
from ..tools.stored_mail import MailNotKept, fetch, find_stored


@dataclass
class RecoveryReport:
    """What asking for missed mail has brought.

    :param seen: mails in Mailgun's events
    :param recovered: of these, mails that the journal has only now
    :param lost: of these, mails that are neither here nor kept at Mailgun
    :param cursor: up to when the events are complete, seconds since 1970
    """

    seen: int = 0
    recovered: int = 0
    lost: int = 0
    cursor: float = 0.0

    def describe(self, env):
        """Say it in words."""
        if not self.seen:
            return env._("Mailgun tells of no mail that came in meanwhile.")
        text = env._(
            "Mailgun tells of %(seen)s mails; %(recovered)s of them were missing here "
            "and are in the journal now.",
            seen=self.seen,
            recovered=self.recovered,
        )
        if self.lost:
            text += " " + env._(
                "%s mails are missing and no longer kept by Mailgun: ask their senders "
                "again. Who they are is in Mailgun's log of these days.",
                self.lost,
            )
        return text


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
            for mail in self._find(client, window.begin, window.end):
                report.seen += 1
                self._take(client, mail, report)
        if report.recovered:
            self._journal._trigger_queue()
        return report

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
        if self._is_known(mail):
            return
        try:
            post = fetch(client, mail)
        except MailNotKept:
            report.lost += 1
            return
        if self._journal._receive(self._domain, post, f"event/{mail.key}"):
            report.recovered += 1

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
