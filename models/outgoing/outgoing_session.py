"""A session that knows which server of this database it is for."""

import contextlib
import itertools
from dataclasses import dataclass, field
from typing import NamedTuple

from ...tools.addresses import normalize
from ...tools.api.session import MailgunSession
from ...tools.errors import RefusedMessage, RefusedRecipient, SettingError
from ...tools.sentence import Sentence as _lt


@dataclass(frozen=True)
class SendingPolicy:
    """What a domain says about sending, as plain values.

    The records are read anew after each commit, and these would be for each mail.

    :param tracking: by kind ("opens", "clicks"): "mailgun", "yes" or "no"
    """

    domain_id: int
    lane_count: int
    has_events: bool
    stale_hours: int
    settling_minutes: int
    with_tags: bool
    tracking: dict[str, str]

    @classmethod
    def of(cls, domain):
        """Return the policy of a ``mailgun.domain``."""
        return cls(
            domain_id=domain.id,
            lane_count=domain._lane_limit(),
            has_events=domain._has_events(),
            stale_hours=domain.stale_hours,
            settling_minutes=domain.settling_minutes,
            with_tags=domain.tag_documents,
            tracking={
                "opens": domain.tracking_opens,
                "clicks": domain.tracking_clicks,
            },
        )


class OutgoingSession(MailgunSession):
    """What core gets for a server of ours, see ``tools.session``.

    :param server: the ``ir.mail_server``
    :param str smtp_from: the address that core chose
    :param LedgerConnection connection: of a session that this one works beside
    :param waiting: see ``tools.session``
    """

    def __init__(
        self, server, smtp_from, connection=None, waiting=contextlib.nullcontext
    ):
        domain = server.mailgun_domain_id
        super().__init__(
            domain.name,
            domain._open_sender,
            server.from_filter,
            smtp_from,
            domain._sending_options(),
            domain._note_sending,
            domain._ledger(connection),
            waiting,
        )
        self.policy = SendingPolicy.of(domain)
        self._server = server
        self._common_options = self.options

    def reopen(self, env, waiting):
        """Return another session like this one, for another thread.

        :param odoo.api.Environment env: of that thread
        :param waiting: see ``tools.session``
        """
        server = env["ir.mail_server"].sudo().browse(self._server.id)
        connection = self.ledger.connection
        return OutgoingSession(server, self.smtp_from, connection, waiting)

    def check_server(self, env):
        """Find out whether the server is still there, which nobody waits to remove.

        :param odoo.api.Environment env: of a transaction that begins
        :raise SettingError: it is not
        """
        if not env["ir.mail_server"].sudo().browse(self._server.id).exists():
            raise SettingError(
                _lt(
                    "The outgoing mail server of %(domain)s was removed while the mail "
                    "was sent: the domain was disconnected, perhaps. It leaves by "
                    "itself when there is one again.",
                    domain=self.domain,
                )
            )

    def message_id_of(self, mail_id):
        """Return a Message-Id for a mail without one, always the same.

        What is tried again must be known by it.
        """
        return f"<mail.{mail_id}.{self.ledger.origin}@{self.domain}>"

    def begin(self, hand, tags, fields):
        """Begin a mail; what was known of the one before is forgotten.

        :param MailInHand hand: what the ledger has to know of it
        :param list[str] tags: besides those of the domain
        :param dict fields: options besides, or instead of, those of the domain
        """
        self.ledger.hand = hand
        self.options = self._common_options.with_fields(**fields).with_tags(*tags)
        self.error = None


#: Context key: the :class:`MailInHand` that core is sending.
IN_HAND = "mailgun_mail_in_hand"


#: ``reason_kind`` of what Mailgun did not want, and the error that says so.
REFUSALS = {"refused": RefusedMessage, "address": RefusedRecipient}


class Outcome(NamedTuple):
    """How an attempt ended for one recipient, in the words of ``mailgun.delivery``."""

    state: str
    reason: str | None = None
    reason_kind: str | None = None

    def as_error(self):
        """Return the error with which it ended, or None."""
        kind = REFUSALS.get(self.reason_kind)
        return kind and kind(
            _lt("Mailgun has refused this: %(words)s", words=self.reason)
        )


# Compared by identity: it travels in a context, and contexts are compared.
@dataclass(eq=False)
class MailInHand:
    """What the ledger has to know of the mail that core is sending.

    :param mail_id: of the ``mail.mail``; 0 = a message sent without one
    :param message_ref: the id of its ``mail.message``, or 0
    :param attempt: how often somebody sent it on purpose
    :param resend_all: this attempt is for those, too, who got it by an earlier one
    :param has_waited: it was put back into the queue before
    :param is_notification: there may be notifications that tell what became of it
    :param is_mailing: there are statistics
    :param res_model: of the document that it is about
    :param copies: contact and addresses of each copy that core is going to send
    """

    mail_id: int = 0
    message_id: str = ""
    message_ref: int = 0
    attempt: int = 1
    resend_all: bool = False
    has_waited: bool = False
    is_notification: bool = False
    is_mailing: bool = False
    res_model: str = ""
    tag: str = ""
    copies: list[tuple[int, frozenset[str]]] = field(default_factory=list)
    #: By contact and address: what the ledger says.
    outcomes: dict[tuple[int, str], Outcome] = field(default_factory=dict)

    @property
    def was_told_of(self):
        """Tell whether somebody may have seen that it waits, or failed."""
        return self.has_waited or self.attempt > 1

    def note_copies(self, emails):
        """Note what ``_prepare_outgoing_list`` returned: whose copy goes where.

        Copies without a contact are told apart by zero, -1, -2 ...
        """
        strangers = itertools.count(0, -1)
        self.copies = [
            (
                email["partner_id"].id if email["partner_id"] else next(strangers),
                frozenset(map(normalize, email["email_to_normalized"])),
            )
            for email in emails
        ]

    def take_copy(self, recipients):
        """Return whose copy goes to ``recipients``, each copy once.

        Core may leave copies out that have no valid address, so they are not counted.

        :param list[str] recipients: normalized addresses
        """
        for position, (partner_id, addresses) in enumerate(self.copies):
            if addresses.intersection(recipients):
                del self.copies[position]
                return partner_id
        return 0
