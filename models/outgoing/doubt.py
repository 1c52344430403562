import logging
import time
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from itertools import chain

from odoo import api, fields, models

from ...tools.api.record import Query
from ...tools.errors import ApiError, SettingError, UnreadableKey
from ...tools.event_post import event_or_none, reference_of
from ..transactions.budget import Budget
from ..transactions.locks import SENT_MESSAGE, is_being_sent, lock_rows, try_lock
from ..transactions.own_cursor import committed
from .mailgun_delivery import OPEN_KIND

_logger = logging.getLogger(__name__)

# Seconds after which a sender is not at it any more, and between two questions.
_PATIENCE = 60

# By so much this server's clock may have been wrong when a mail was sent.
_CLOCK_SECONDS = 3600


class MailgunDelivery(models.Model):
    """Finds out what became of copies that a sender left behind in the middle.

    A webhook tells at once. Else Mailgun's record of events is asked, and that it knows
    nothing counts only after a while, since it is written late, and only if it reaches
    back that far. Where it cannot tell, a person is asked, unless the domain says
    otherwise.
    """

    _inherit = "mailgun.delivery"

    asked_at = fields.Datetime(readonly=True)

    @api.model
    def _settle(self, budget=None):
        """Look at what is in doubt, first at the domain that was not for longest.

        :param Budget budget: for it; None for what the server grants
        :return: whether events were found that are to be applied
        :rtype: bool
        """
        budget = budget or Budget.of_server(self.env.context)
        limit = fields.Datetime.now() - timedelta(seconds=_PATIENCE)
        rows = self.search(
            [
                ("id", "in", self._still_sending()),
                ("sending_at", "<", limit),
                "|",
                ("asked_at", "=", False),
                ("asked_at", "<", limit),
            ],
            order="asked_at NULLS FIRST, id",
        )
        found = False
        for domain, in_doubt in rows.grouped("domain_id").items():
            if budget.is_over:
                break
            found |= domain._settle_deliveries(in_doubt, budget)
        return found

    def _still_sending(self):
        """Return the ids of deliveries whose attempt has not ended.

        :rtype: list[int]
        """
        open_rows = self.env["mailgun.open.row"]
        listed = open_rows._rows(OPEN_KIND)
        found = self.search([("id", "in", listed), ("state", "=", "sending")]).ids
        # Events and people end an attempt, too, and tell only the row itself.
        ended = set(listed) - set(found)
        if ended:
            # Apart: whoever settles something at the same moment does so as well.
            committed(
                self.env.registry,
                lambda env: env["mailgun.open.row"]._close([OPEN_KIND], ended),
            )
        return found

    # === ONE POST === #

    def _conclude_doubt(self, answer, now):
        """Act on what Mailgun has told of one POST, unless a sender is at it.

        :param str answer: "taken"; "unknown" to a record that reaches back so far;
            "untold": it cannot tell; "later": it gave no answer
        :param datetime now: by Mailgun's clock; whether it must have written something
            down by now depends on no other
        """
        first = self[:1]
        if first.mail_id and is_being_sent(self.env.cr, first.mail_id):
            return
        if not try_lock(self.env.cr, SENT_MESSAGE, first.message_id):
            return
        mail = self.env["mail.mail"].browse(first.mail_id or ()).exists()
        # What was read before may be what another one has settled since.
        lock_rows(self)
        lock_rows(mail)
        left = self.filtered(lambda row: row.state == "sending")
        left.asked_at = fields.Datetime.now()
        if not left:
            return
        if answer == "taken":
            left.write({"state": "accepted", "accepted_at": now, "doubt": False})
            mail._mailgun_confirmed()
        elif answer == "unknown":
            left.filtered(lambda row: not row.asked_since).asked_since = now
            if left._is_time_over("asked_since", now):
                left._give_back(mail)
        elif answer == "untold" and left._is_time_over("sending_at", now):
            left._ask_a_person(mail)

    def _is_time_over(self, since, now):
        settling = timedelta(minutes=self.domain_id.settling_minutes)
        return all(now - row[since] >= settling for row in self)

    def _give_back(self, mail):
        """Let the mail be sent again: Mailgun has not taken these copies.

        :param mail: the ``mail.mail``, perhaps gone by now
        """
        if mail.state in ("outgoing", "exception"):
            self.unlink()
            goes = "it is sent again" if mail._mailgun_confirmed() else "Retry sends it"
            _logger.info("Mailgun has not taken mail %s: %s", mail.id, goes)
            return
        self.write(
            {
                "state": "failed",
                "failed_at": fields.Datetime.now(),
                "reason_kind": "interrupted",
                "reason": self.env._(
                    "Sending was interrupted, and Mailgun does not know the mail. It "
                    "was cancelled, deleted or sent again meanwhile."
                ),
            }
        )

    def _ask_a_person(self, mail):
        """Have somebody decide about a mail that Mailgun's record cannot tell of.

        :param mail: the ``mail.mail``, perhaps gone by now
        """
        if mail.state not in ("outgoing", "exception"):
            # There is nothing to decide; an event may still tell what became of it.
            self.env["mailgun.open.row"]._close([OPEN_KIND], self.ids)
        elif self.domain_id.doubt_policy == "resend":
            _logger.info("Mail %s is sent again, perhaps a second time", mail.id)
            self.unlink()
            mail._mailgun_confirmed()
        elif mail.mailgun_wait != "uncertain":
            mail._mailgun_ask_whether_sent(self)


class MailgunDomain(models.Model):
    """Asks Mailgun's record of events about mail of which nobody knows the fate."""

    _inherit = "mailgun.domain"

    def _settle_deliveries(self, rows, budget):
        """Ask about POSTs that are in doubt, at once about those of the same hour.

        :param rows: ``mailgun.delivery`` records of this domain
        :param Budget budget: for it
        :return: whether events were found, which are to be applied then
        :rtype: bool
        """
        if self.is_foreign:
            # What a copy of the database finds is the original's business.
            return False
        hours = rows.grouped(lambda row: _sent(row) // 3600).values()
        left = [list(some.grouped("reference").values()) for some in hours]
        found = False
        try:
            self._check_may_ask()
            with self._open_client() as client:
                record = self._record(client, lambda: not budget.is_over)
                while left and not budget.is_over:
                    answers = self._answers_about(left[0], record)
                    found |= "taken" in answers
                    for post, answer in zip(left.pop(0), answers, strict=True):
                        # Those that there is no time for are asked about again.
                        if budget.is_over:
                            break
                        self._conclude(post, answer, client.now())
        except ApiError as error:
            _logger.info("Mailgun's record tells nothing of mail in doubt: %s", error)
            is_setting = isinstance(error, SettingError)
            may_pass = isinstance(error, UnreadableKey) or not is_setting
            for post in chain.from_iterable(left):
                self._conclude(post, "later" if may_pass else "untold", time.time())
        return found

    def _check_may_ask(self):
        """Tell why Mailgun is not asked at all.

        :raise SettingError: somebody has to be asked instead
        """
        if self.state != "ready":
            raise SettingError("the domain is out of use")
        if self.key_kind == "sending":
            raise SettingError("it is a sending key")

    def _answers_about(self, posts, record):
        """Ask for the events of POSTs of one hour; they are kept, to be applied.

        By time and not by Message-Id: Mailgun may have given another one.

        :param list posts: the ``mailgun.delivery`` records of each
        :param Record record: of this domain
        :return: for each of them, see ``_conclude_doubt``
        :rtype: list[str]
        :raise ApiError: it cannot be asked
        """
        rows = self.env["mailgun.delivery"].concat(*posts)
        begin = min(map(_sent, rows)) - _CLOCK_SECONDS
        recipients = {row.recipient for row in rows}
        one = recipients.pop() if len(recipients) == 1 else ""
        query = Query(begin, recipient=one)
        told, of_event = set(), _Marks(rows)
        for item in record.read(query):
            event = event_or_none(item, self.keep_reader_details)
            if event and (references := of_event(event)):
                told |= references
                self.env["mailgun.event"]._receive(self, event)
        silence = "later"
        if record.is_complete and len(told) < len(posts):
            silence = "unknown" if record.reaches(begin) else "untold"
        return ["taken" if post[0].reference in told else silence for post in posts]

    def _conclude(self, rows, answer, now):
        moment = datetime.fromtimestamp(now, timezone.utc)
        moment = moment.replace(tzinfo=None, microsecond=0)

        def conclude(env):
            # Whoever else asked at the same time may have given them back.
            if left := env["mailgun.delivery"].browse(rows.ids).exists():
                left._conclude_doubt(answer, moment)

        committed(self.env.registry, conclude)


class _Marks:
    """Tells which POSTs an event is about: by our mark, else by the Message-Id."""

    def __init__(self, rows):
        self._by_copy = defaultdict(set)
        for row in rows:
            copy = row.message_id, row.recipient.lower()
            self._by_copy[copy].add(row.reference)
        self._references = set(rows.mapped("reference"))

    def __call__(self, event):
        """Return their references.

        :param EventPost event: of the record
        :rtype: set[str]
        """
        if mark := reference_of(event.payload):
            return self._references & {mark}
        return self._by_copy.get((event.message_id, event.recipient), set())


def _sent(row):
    return row.sending_at.replace(tzinfo=timezone.utc).timestamp()
