import logging
from datetime import timedelta, timezone

from odoo import api, fields, models

from ...tools.api.record import Query
from ...tools.errors import SettingError, TransientError, UnreadableKey
from ...tools.event_post import event_of, reference_of
from ..transactions.locks import SENT_MESSAGE, is_being_sent, try_lock
from ..transactions.own_cursor import own_cursor
from .mailgun_delivery import OPEN_KIND

_logger = logging.getLogger(__name__)

# Seconds after which a sender is not at it any more, and between two questions.
_PATIENCE = 60

_QUESTIONS_PER_RUN = 100

_logger = logging.getLogger(__name__)

# Mailgun's clock and this server's may differ by as much.
_CLOCK_SECONDS = 300


class MailgunDelivery(models.Model):
    """Finds out what became of copies that a sender left behind in the middle.

    A webhook tells at once. Else Mailgun's record of events is asked, and that it knows
    nothing counts only after a while, since it is written late. Where the key may not
    read it, a person is asked, unless the domain says otherwise.
    """

    _inherit = "mailgun.delivery"

    asked_at = fields.Datetime(readonly=True)

    @api.model
    def _settle(self):
        """Look at what is in doubt.

        :return: whether events were found that are to be applied
        :rtype: bool
        """
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
            limit=_QUESTIONS_PER_RUN,
        )
        found = False
        for domain, in_doubt in rows.grouped("domain_id").items():
            found |= domain._settle_deliveries(in_doubt)
        return found

    def _still_sending(self):
        """Return the ids of deliveries whose attempt has not ended.

        :rtype: list[int]
        """
        open_rows = self.env["mailgun.open.row"]
        listed = open_rows._rows(OPEN_KIND)
        found = self.search([("id", "in", listed), ("state", "=", "sending")]).ids
        # Events and people end an attempt, too, and tell only the row itself.
        open_rows._close([OPEN_KIND], set(listed) - set(found))
        return found

    # === ONE POST === #

    def _conclude_doubt(self, answer):
        """Act on what Mailgun has told of one POST, unless a sender is at it.

        :param str answer: "taken"; "unknown"; "forbidden": it cannot be asked
        """
        first = self[:1]
        if first.mail_id and is_being_sent(self.env.cr, first.mail_id):
            return
        if not try_lock(self.env.cr, SENT_MESSAGE, first.message_id):
            return
        now = fields.Datetime.now()
        left = self.filtered(lambda row: row.state == "sending")
        left.asked_at = now
        mail = self.env["mail.mail"].browse(first.mail_id or ()).exists()
        is_failure = first.doubt == "failure"
        if not left:
            return
        if answer == "taken":
            left.write({"state": "accepted", "accepted_at": now, "doubt": False})
            mail._mailgun_confirmed()
        elif answer == "unknown":
            left.filtered(lambda row: not row.asked_since).asked_since = now
            if is_failure or left._is_time_over("asked_since"):
                left._give_back(mail)
        elif is_failure:
            left._give_back(mail)
        elif left._is_time_over("sending_at"):
            left._ask_a_person(mail)

    def _is_time_over(self, since):
        now = fields.Datetime.now()
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
        may_resend = self.domain_id.doubt_policy == "resend"
        if mail.mailgun_wait == "uncertain" and not may_resend:
            # Somebody is asked already, and the answer is still out.
            return
        if may_resend or mail.state != "outgoing":
            self._give_back(mail)
        else:
            mail._mailgun_ask_whether_sent(self)


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
        except (TransientError, UnreadableKey) as error:
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
        first, keep = rows[0], self.keep_reader_details
        begin = first.sending_at.replace(tzinfo=timezone.utc).timestamp()
        query = Query(begin - _CLOCK_SECONDS, recipient=first.recipient)
        with self._open_client() as client:
            record = self._record(client)
            posts = [event_of(item, keep) for item in record.read(query)]
            mine = [post for post in posts if _is_about(post, first)]
            if not mine and not record.reaches(begin):
                raise SettingError("its record does not reach back that far")
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
