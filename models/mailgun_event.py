import json
from datetime import datetime, timedelta, timezone

import psycopg2
import psycopg2.extras

from odoo import api, fields, models
from odoo.tools.constants import GC_UNLINK_LIMIT

from ..const import EVENT_RETENTION_DAYS
from .insert import insert_if_new
from .own_cursor import own_cursor


class MailgunEvent(models.Model):
    """What Mailgun told of a mail: one row for each event, as it came."""

    _name = "mailgun.event"
    _description = "Mailgun Event"
    _order = "occurred_at desc, id desc"
    _rec_name = "event"

    domain_id = fields.Many2one(
        "mailgun.domain", required=True, readonly=True, ondelete="cascade", index=True
    )
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

    # Mailgun's ids are unique within a day only ("Event structure").
    _event_unique = models.Constraint(
        "UNIQUE(domain_id, event_id, day)", "An event is kept once."
    )
    _by_age = models.Index("(occurred_at)")

    @api.depends("payload")
    def _compute_payload_text(self):
        for event in self:
            event.payload_text = json.dumps(event.payload, indent=2, sort_keys=True)

    @api.model
    def _receive(self, domain, event):
        """Write an event down and commit; what is known already changes nothing.

        :param domain: the ``mailgun.domain`` that it is about
        :param EventPost event: what it says
        :return: the ids of new rows
        :rtype: list[int]
        """
        try:
            with own_cursor(self.env.registry) as env:
                return env[self._name]._insert(domain.id, event)
        except psycopg2.errors.SerializationFailure:
            # The same event was committed by another post after our snapshot.
            return []

    def _insert(self, domain_id, event):
        occurred_at = datetime.fromtimestamp(event.occurred_at, timezone.utc)
        values = {
            "domain_id": domain_id,
            # An event without an id is told from others by when and what it is.
            "event_id": event.event_id or f"{event.occurred_at}/{event.event}",
            "event": event.event or "unknown",
            "severity": event.severity or None,
            "reason": event.reason or None,
            "recipient": event.recipient or None,
            "message_id": event.message_id or None,
            "occurred_at": occurred_at.replace(tzinfo=None, microsecond=0),
            "day": occurred_at.date(),
            "payload": psycopg2.extras.Json(event.payload),
            "state": "pending",
        }
        return insert_if_new(self, values)

    @api.autovacuum
    def _gc_events(self):
        """Forget events after their time."""
        limit = fields.Datetime.now() - timedelta(days=EVENT_RETENTION_DAYS)
        found = self.search([("occurred_at", "<", limit)], limit=GC_UNLINK_LIMIT)
        found.unlink()
        return len(found), len(found) == GC_UNLINK_LIMIT
