import json
from datetime import datetime, timezone

import psycopg2

from odoo import api, fields, models

from ..const import EVENT_RETENTION_DAYS, JOURNAL_TRIES
from .insert import insert_if_new
from .own_cursor import own_cursor
from .retention import keep_since, remove_before
from .signer import UNCHANGED_ID

# Each post is answered once this is committed, so it is written out: composing it takes
# a good part of the time that running it does.
_INSERT_SIGNED = f"""
INSERT INTO mailgun_event
            (domain_id, token, event_id, event, severity, reason, recipient, message_id,
             occurred_at, day, payload, state, create_date)
     VALUES ({UNCHANGED_ID}, %(token)s, %(event_id)s, %(event)s, %(severity)s,
             %(reason)s, %(recipient)s, %(message_id)s, %(occurred_at)s, %(day)s,
             %(payload)s, %(state)s, timezone('UTC', now()))
ON CONFLICT DO NOTHING
  RETURNING id
"""


class MailgunEvent(models.Model):
    """What Mailgun told of a mail: one row for each event, as it came."""

    _name = "mailgun.event"
    _description = "Mailgun Event"
    _order = "occurred_at desc, id desc"
    _rec_name = "event"

    domain_id = fields.Many2one(
        "mailgun.domain", required=True, readonly=True, ondelete="cascade"
    )
    token = fields.Char(readonly=True, help="Mailgun's random string; never repeats.")
    event_id = fields.Char("Event ID", required=True, readonly=True)
    event = fields.Char(required=True, readonly=True)
    severity = fields.Char(readonly=True)
    reason = fields.Char(readonly=True)
    recipient = fields.Char(readonly=True)
    message_id = fields.Char("Message-Id", readonly=True, index="btree_not_null")
    occurred_at = fields.Datetime("Happened on", required=True, readonly=True)
    day = fields.Date(required=True, readonly=True)
    payload = fields.Json(readonly=True)
    payload_text = fields.Text("As It Came", compute="_compute_payload_text")
    state = fields.Selection(
        [
            ("pending", "New"),
            ("done", "Applied"),
            ("ignored", "Not of this database"),
            ("failed", "Failed"),
        ],
        required=True,
        default="pending",
        readonly=True,
    )
    error = fields.Text(readonly=True)
    polled = fields.Boolean(
        "Asked For",
        readonly=True,
        help="Mailgun was asked; no webhook has told of it.",
    )

    _token_unique = models.Constraint("UNIQUE(token)", "A token is used only once.")
    # Mailgun's ids are unique within a day only ("Event structure"), and two of its own
    # examples share one. This is the index on the domain, too.
    _event_unique = models.Constraint(
        "UNIQUE(domain_id, event_id, day, event)", "An event is kept once."
    )
    _by_age = models.Index("(occurred_at)")

    @api.depends("payload")
    def _compute_payload_text(self):
        for event in self:
            event.payload_text = json.dumps(event.payload, indent=2, sort_keys=True)

    @api.model
    def _receive(self, domain, event):
        """Write down and commit what Mailgun was asked for; what is known stays so.

        :param domain: the ``mailgun.domain`` that it is about
        :param EventPost event: what it says
        :return: the ids of new rows
        :rtype: list[int]
        """
        for tries_left in reversed(range(JOURNAL_TRIES)):
            try:
                with own_cursor(self.env.registry) as env:
                    return env[self._name]._insert(domain.id, event)
            except psycopg2.errors.SerializationFailure:
                # The same event was committed by a post after our snapshot, most
                # likely; the next one sees its row.
                if not tries_left:
                    raise
        raise AssertionError("unreachable")

    def _insert(self, domain_id, event):
        values = {"domain_id": domain_id, "polled": True, **self._values(event)}
        return insert_if_new(self, values)

    @api.model
    def _receive_signed(self, signer, event, token):
        """Write an event of a webhook down, in the transaction of the request.

        Odoo commits it before it answers. An event costs little, and a transaction of
        its own would be a good part of it.

        :param Signer signer: who posts
        :param EventPost event: what it says
        :param str token: of the signature
        :return: the ids of new rows; none when the event is known
        :rtype: list[int]
        :raise psycopg2.errors.NotNullViolation: the domain is not as the signer has it
        :raise psycopg2.errors.SerializationFailure: the row came after our snapshot
        """
        values = {**signer.as_parameters(), **self._values(event), "token": token}
        self.env.cr.execute(_INSERT_SIGNED, values, log_exceptions=False)
        return [row_id for (row_id,) in self.env.cr.fetchall()]

    def _values(self, event):
        occurred_at = datetime.fromtimestamp(event.occurred_at, timezone.utc)
        return {
            "event_id": event.event_id,
            "event": event.event or "unknown",
            "severity": event.severity or None,
            "reason": event.reason or None,
            "recipient": event.recipient or None,
            "message_id": event.message_id or None,
            "occurred_at": occurred_at.replace(tzinfo=None, microsecond=0),
            "day": occurred_at.date(),
            "payload": event.payload_json,
            "state": "pending",
        }

    @api.autovacuum
    def _gc_events(self):
        """Forget events after their time."""
        since = keep_since(self.env, "keep_events_days", EVENT_RETENTION_DAYS)
        return remove_before(self, "occurred_at", since)
