"""Many mails of one sender: others do not wait behind them, and what core's guard
against loops has recognised is held at once."""

import logging

from odoo import api, fields, models
from odoo.tools import SQL

from ...tools.addresses import MAX_ADDRESS
from ...tools.mime.mail_head import one_line, raw_headers
from .policy import authors_of

_logger = logging.getLogger(__name__)

# As core reads it (mail_thread.py, ``_detect_loop_sender``).
_THRESHOLD = "mail.gateway.loop.threshold"
_DEFAULT_THRESHOLD = 20

# Characters of From that are looked at before Mailgun gets its answer.
_MAX_FROM = 1000

# Start-time fair queueing: a mail comes after its sender's last, and a sender of whom
# nothing waits comes level with whoever is first now.
_NEXT_TURN = """
GREATEST(0,
         (SELECT turn + 1 FROM mailgun_inbound_email
           WHERE state = 'pending' AND author = %(author)s
           ORDER BY turn DESC LIMIT 1),
         (SELECT turn FROM mailgun_inbound_email
           WHERE state = 'pending' AND next_attempt_at <= %(now)s
           ORDER BY turn, id LIMIT 1))
"""


def author_of(raw, sender):
    """Return the address that a mail says it is from, as columns and indexes take it.

    :param bytes raw: the mail as it came
    :param str sender: of the envelope, for a mail whose From names nobody
    :rtype: str
    """
    found = (value for name, value in raw_headers(raw) if name == "from")
    # Addresses are taken apart by parsers that take long for a long text.
    head = f"From: {next(found, '')[:_MAX_FROM]}\r\n\r\n"
    try:
        authors = authors_of(head.encode())
    except Exception:  # noqa: BLE001
        # Parsers raise anything on a stranger's mail, and it must get into the journal.
        authors = []
    return one_line((authors or [sender.lower()])[0])[:MAX_ADDRESS]


class MailgunInboundEmail(models.Model):
    """Whose turn it is, and the rest of a flood."""

    _inherit = "mailgun.inbound.email"

    author = fields.Char(
        "From",
        readonly=True,
        help="The address in From, by which Odoo's guard against mail loops counts.",
    )
    # Of the mails that are due the one with the lowest is routed next.
    turn = fields.Integer(readonly=True, default=0)

    _waiting = models.Index("(turn, id, next_attempt_at) WHERE state = 'pending'")
    _waiting_of_author = models.Index("(author, turn) WHERE state = 'pending'")

    # === TURNS === #

    @api.model
    def _place_values(self, post):
        """Return the columns that say where in the queue a new mail stands.

        :param InboundPost post: what was posted
        :rtype: dict
        """
        author = author_of(post.raw, post.sender)
        return {"author": author, "turn": self._next_turn(author)}

    @api.model
    def _next_turn(self, author):
        """Return the turn of a sender's next mail, as an expression of SQL.

        :param author: an address, or a column
        :rtype: SQL
        """
        return SQL(_NEXT_TURN, author=author, now=fields.Datetime.now())

    def _queue_up(self):
        """Give mails that do not wait yet their turns, each sender's oldest first."""
        self.flush_recordset()
        self.env.cr.execute(
            SQL(
                """UPDATE mailgun_inbound_email AS mail
                      SET turn = next.turn + place.number
                     FROM (SELECT id, author,
                                  row_number() OVER (PARTITION BY author ORDER BY id)
                                  - 1 AS number
                             FROM mailgun_inbound_email
                            WHERE id = ANY(%s)) AS place
                    CROSS JOIN LATERAL (SELECT %s AS turn) AS next
                    WHERE mail.id = place.id""",
                self.ids,
                self._next_turn(SQL("place.author")),
            )
        )
        self.invalidate_recordset(["turn"])

    # === THE REST OF A FLOOD === #

    def _hold_rest(self):
        """Hold what else waits of the sender of a mail that core's guard has stopped.

        Only at the same address, where core would count the same records, and only if
        it is as much as core takes for a loop: a handful is left to core's judgement.

        :return: how many were held
        :rtype: int
        """
        self.ensure_one()
        self.flush_model()
        limit = self.env["ir.config_parameter"].get_param(_THRESHOLD)
        limit = int(limit) if str(limit).isdigit() else _DEFAULT_THRESHOLD
        self.env.cr.execute(
            """WITH flood AS (
                   SELECT id FROM mailgun_inbound_email
                    WHERE state = 'pending' AND author = %(author)s
                      AND domain_id = %(domain)s AND recipient = %(recipient)s
                      AND attempt_count = 0 AND released_by_id IS NULL
                      FOR UPDATE SKIP LOCKED)
               UPDATE mailgun_inbound_email SET state = 'held', is_looping = true,
                      error = %(error)s, remedy = %(remedy)s
                WHERE id IN (SELECT id FROM flood)
                  AND (SELECT count(*) FROM flood) >= %(limit)s""",
            {
                "author": self.author or None,
                "domain": self.domain_id.id,
                "recipient": self.recipient,
                "error": self.error or None,
                "remedy": self.remedy or None,
                "limit": limit,
            },
            log_exceptions=False,
        )
        count = self.env.cr.rowcount
        if count:
            _logger.info("A flood of %s: %s more mails are held", self.author, count)
        self.invalidate_model()
        return count
