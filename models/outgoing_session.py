"""A session that knows which server of this database it is for."""

import contextlib
from dataclasses import dataclass

from ..tools.session import MailgunSession


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
            domain._open_client,
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

    def begin(self, hand, tags, fields):
        """Begin a mail; what was known of the one before is forgotten.

        :param MailInHand hand: what the ledger has to know of it
        :param list[str] tags: besides those of the domain
        :param dict fields: options besides, or instead of, those of the domain
        """
        self.ledger.hand = hand
        self.options = self._common_options.with_fields(**fields).with_tags(*tags)
        self.error = None
