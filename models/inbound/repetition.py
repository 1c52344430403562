"""Is it the same mail once more, or another one?

Mailgun posts a mail once for each recipient, posts it again when it got no answer, and
keeps it, to be fetched when a post got lost. A Message-Id tells that all these are one;
but some programs give all their mails the same, and others give none. Where it is not
certain that a mail is here already, it is kept.
"""

from datetime import datetime, timedelta, timezone

import dateutil.parser

from odoo import api, fields, models
from odoo.fields import Domain

from ...const import SIGNATURE_MAX_AGE, SIGNATURE_MAX_AHEAD
from ...tools.mime.mail_head import (
    DERIVED,
    derived_message_id,
    fingerprint,
    is_derived,
)
from ...tools.mime.mend_head import header_values
from ...tools.mime.same_mail import is_same_letter, is_same_mail
from ..transactions.own_cursor import insert_if_new
from .arrivals import FETCHED

# No clock of ours is further behind Mailgun's, or no signature would be believed.
_CLOCKS = timedelta(seconds=SIGNATURE_MAX_AHEAD)
# Mailgun repeats a post for so long at most.
_REPEATED = timedelta(seconds=SIGNATURE_MAX_AGE)
_MAX_DATE = 100


class MailgunInboundEmail(models.Model):
    """What tells a mail of the journal from others."""

    _inherit = "mailgun.inbound.email"

    fingerprint = fields.Char(readonly=True, help="A checksum of date and text.")

    def _is_repeated(self, raw, agree=is_same_mail):
        """Tell whether a mail is certainly that of one of these rows.

        :param bytes raw: the mail as it came
        :param agree: tells it of two mails
        """
        found = self.grouped("fingerprint")
        if fingerprint(raw) in found:
            return True
        kept = (rows[0]._raw_bytes() for rows in found.values())
        return any(one is not None and agree(one, raw) for one in kept)

    # === ANOTHER MAIL WITH THE SAME MESSAGE-ID === #
    # Core would drop it; here it waits for a person, under an identifier of its own.

    def _insert_namesake(self, values, raw):
        """Write down a mail for whose recipient the journal has its Message-Id.

        :param dict values: of the row that could not be written
        :param bytes raw: the mail as it came
        :return: the id of the new row in a list; an empty list for the same mail
        """
        keys = ("domain_id", "message_id", "recipient")
        twin = self.search([(key, "=", values[key]) for key in keys])
        if not twin or twin._is_repeated(raw, is_same_letter):
            twin._note_posted(values["token"])
            return []
        return insert_if_new(self, {**values, **self._namesake_values(raw)})

    def _hold_namesake(self, known, raw):
        """Hold a mail that core is about to drop for the Message-Id of another one.

        :param known: the ``mail.message`` that has the Message-Id, perhaps none
        :param bytes raw: the mail as it came
        :return: whether it is such a mail
        """
        same_id = Domain("message_id", "=", self.message_id) & Domain(
            "id", "!=", self.id
        )
        went_through = Domain("state", "=", "done") | Domain("is_settled", "=", True)
        others = self.search(same_id & went_through)
        if (
            others._is_repeated(raw, is_same_letter)
            if others
            else _is_message(known, raw)
        ):
            return False
        values = self._namesake_values(raw)
        if self.search_count(
            [
                ("domain_id", "=", self.domain_id.id),
                ("message_id", "=", values["message_id"]),
                ("recipient", "=", self.recipient),
            ]
        ):
            error = self.env._("This mail is in the journal already.")
            values = {"state": "ignored", "error": error}
        self.write(values)
        return True

    def _namesake_values(self, raw):
        return {
            "message_id": derived_message_id(raw),
            "state": "held",
            "error": self.env._(
                "Another mail with the same Message-Id and another text came before."
            ),
            "remedy": self.env._("If this one is a mail of its own, press Release."),
        }

    # === THE SAME MAIL, POSTED AND KEPT BY MAILGUN === #

    @api.model
    def _without_recovered(self, domain, post, token):
        """Return a post without the recipients for whom its mail was fetched before.

        A Message-Id would tell, and one that is made of the bytes does not.

        :param domain: the ``mailgun.domain``
        :param InboundPost post: what was posted
        :param str token: of the signature
        :rtype: InboundPost
        """
        if not is_derived(post.message_id):
            return post
        since = fields.Datetime.now() - _REPEATED
        known = self._known_rows(domain, post, since, FETCHED)
        known._note_posted(token)
        return post.to(set(post.recipients) - set(known.mapped("recipient")))

    @api.model
    def _without_arrived(self, domain, post, at):
        """Return a mail that Mailgun has kept without the recipients who have got it.

        :param domain: the ``mailgun.domain``
        :param InboundPost post: what Mailgun has kept
        :param float at: when Mailgun got it, seconds since 1970
        :rtype: InboundPost
        """
        known = self._known_rows(domain, post, self._earliest(at), Domain.TRUE)
        return post.to(set(post.recipients) - set(known.mapped("recipient")))

    def _known_rows(self, domain, post, since, condition):
        """Return the rows that have a post's mail, one for each recipient."""
        same_id = Domain("message_id", "=", post.message_id)
        rows = self.search(
            Domain("domain_id", "=", domain.id)
            & Domain("recipient", "in", post.recipients)
            & Domain("create_date", ">=", since)
            & (same_id | Domain("message_id", "=like", f"%{DERIVED}"))
            & condition,
            order="id",
        )
        known = {}
        for row in rows:
            if row.recipient not in known and (
                row.message_id == post.message_id or row._is_repeated(post.raw)
            ):
                known[row.recipient] = row
        return self.browse([row.id for row in known.values()])

    @api.model
    def _has_arrived(self, domain, mail):
        """Tell whether a mail is here for all its recipients, by its Message-Id alone.

        :param domain: the ``mailgun.domain``
        :param StoredMail mail: as an event of Mailgun tells
        """
        return bool(mail.message_id) and len(mail.recipients) <= self.search_count(
            [
                ("domain_id", "=", domain.id),
                ("message_id", "=", mail.message_id),
                ("recipient", "in", mail.recipients),
                ("create_date", ">=", self._earliest(mail.at)),
            ]
        )

    def _earliest(self, at):
        """Return since when a mail may have come that Mailgun got at a time.

        What came before it is another mail, whatever its Message-Id.
        """
        moment = datetime.fromtimestamp(at, timezone.utc).replace(tzinfo=None)
        return moment - _CLOCKS


def _is_message(known, raw):
    """Tell whether a mail is a message that the journal knows nothing of.

    What this database has sent itself is core's business. What came in has left the
    journal, or came on another way; of it the date is left.
    """
    return known.message_type != "email" or known.date == _date_of(raw)


def _date_of(raw):
    """Return the date of a mail as core stores it (``message_parse``), or None."""
    text = " ".join(header_values(raw, "date"))[:_MAX_DATE]
    try:
        found = dateutil.parser.parse(text, fuzzy=True)
        if found.utcoffset() is not None:
            found = found.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
    return found.replace(tzinfo=None, microsecond=0)
