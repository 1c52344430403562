import json
from datetime import datetime, timedelta, timezone

from odoo import api, fields, models
from odoo.modules import module

from ...const import EVENT_RETENTION_DAYS, PAYLOAD_RETENTION_DAYS
from ...tools.addresses import normalize
from ...tools.api.stored_mail import refused_post_of
from ...tools.delivery_state import happening_of, is_machine
from ...tools.event_post import origin_of, reference_of
from ..domain.mailgun_used_token import USE_TOKEN, use_of
from ..domain.signature import UNCHANGED_ID
from ..transactions.budget import Budget
from ..transactions.own_cursor import committed, insert_if_new, own_cursor
from ..transactions.retention import keep_since, remove_before
from ..transactions.server import restart_clock
from .event_queue import FAILED, PENDING, EventQueue

# Of ``mailgun.open.row``: to be forgotten within the hour.
_FOREIGN = "foreign event"
_LISTED = {"pending": PENDING, "failed": FAILED, "ignored": _FOREIGN}

# Each post is answered once this is committed, so it is written out: composing it takes
# a good part of the time that running it does.
_INSERT_SIGNED = f"""
       WITH used AS ({USE_TOKEN}),
            new AS (
INSERT INTO mailgun_event
            (domain_id, event_id, event, severity, reason, recipient, message_id,
             occurred_at, day, state, create_date)
     SELECT {UNCHANGED_ID}, %(event_id)s, %(event)s, %(severity)s,
            %(reason)s, %(recipient)s, %(message_id)s, %(occurred_at)s, %(day)s,
            %(state)s, timezone('UTC', now())
       FROM used
ON CONFLICT DO NOTHING
  RETURNING id, occurred_at),
            kept AS (
INSERT INTO mailgun_event_payload (event_id, kept_since, payload)
     SELECT id, occurred_at, %(payload)s FROM new)
INSERT INTO mailgun_open_row (kind, row, at)
     SELECT '{PENDING}', id, occurred_at FROM new
  RETURNING row
"""

# A run of the cron comes to an end when others are waiting for their turn.
_RUN_SECONDS = 50

# Events of mail that is none of ours are forgotten within the hour.
_FOREIGN_MINUTES = 45

_FOREIGN_BATCH = 10_000
_BATCH = 10_000


class MailgunEvent(models.Model):
    """What Mailgun told of a mail: one row for each event, as it came."""

    _name = "mailgun.event"
    _description = "Mailgun Event"
    _order = "occurred_at desc, id desc"
    _rec_name = "event"

    domain_id = fields.Many2one(
        "mailgun.domain", required=True, readonly=True, ondelete="cascade"
    )
    event_id = fields.Char("Event ID", required=True, readonly=True)
    event = fields.Char(required=True, readonly=True)
    what = fields.Char(compute="_compute_what")
    severity = fields.Char(readonly=True)
    reason = fields.Char(readonly=True)
    recipient = fields.Char(readonly=True)
    message_id = fields.Char("Message-Id", readonly=True)
    occurred_at = fields.Datetime("Happened on", required=True, readonly=True)
    day = fields.Date(required=True, readonly=True)
    payload = fields.Json(
        compute="_compute_payload", inverse="_inverse_payload", readonly=True
    )
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

    # Mailgun's ids are unique within a day only ("Event structure"), and two of its own
    # examples share one. This is the index on the domain, too.
    _event_unique = models.Constraint(
        "UNIQUE(domain_id, event_id, day, event)", "An event is kept once."
    )
    _by_age = models.Index("(occurred_at)")
    # When a webhook has last told of something.
    _by_domain_and_age = models.Index(
        "(domain_id, occurred_at) WHERE polled IS NOT TRUE"
    )

    def init(self):
        # Each row changes once or twice, and grows no more; with room left on its page
        # it stays there (HOT).
        self.env.cr.execute(
            """ALTER TABLE mailgun_event
                 SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05,
                      autovacuum_analyze_scale_factor = 0.05)"""
        )

    @api.depends("event", "severity")
    def _compute_what(self):
        words = {
            "accepted": self.env._("Accepted"),
            "delivered": self.env._("Delivered"),
            "failed": self.env._("Failed"),
            "rejected": self.env._("Refused by Mailgun"),
            "opened": self.env._("Opened"),
            "clicked": self.env._("Clicked"),
            "unsubscribed": self.env._("Unsubscribed"),
            "complained": self.env._("Reported as spam"),
            "stored": self.env._("Stored"),
        }
        for event in self:
            is_late = (event.event, event.severity) == ("failed", "temporary")
            known = self.env._("Delayed") if is_late else words.get(event.event)
            event.what = known or event.event

    def _compute_payload(self):
        payloads = self.env["mailgun.event.payload"].sudo()
        found = payloads.search_fetch([("event_id", "in", self.ids)], ["payload"])
        by_event = {one.event_id.id: one.payload for one in found}
        for event in self:
            event.payload = by_event.get(event.id)

    def _inverse_payload(self):
        payloads = self.env["mailgun.event.payload"].sudo()
        payloads.search([("event_id", "in", self.ids)]).unlink()
        for event in self.filtered("payload"):
            payloads.create(
                {
                    "event_id": event.id,
                    "kept_since": event.occurred_at,
                    "payload": event.payload,
                }
            )

    @api.depends("payload")
    def _compute_payload_text(self):
        for event in self:
            event.payload_text = (
                json.dumps(event.payload, indent=2, sort_keys=True)
                if event.payload
                else self.env._("No longer kept.")
            )

    @api.model_create_multi
    def create(self, vals_list):
        events = super().create(vals_list)
        for event in events:
            event._list_as(event.state)
        return events

    @api.model
    def _receive(self, domain, event):
        """Write down and commit what Mailgun was asked for; what is known stays so.

        :param domain: the ``mailgun.domain`` that it is about
        :param EventPost event: what it says
        :return: the ids of new rows
        :rtype: list[int]
        """
        return committed(
            self.env.registry, lambda env: env[self._name]._insert(domain.id, event)
        )

    def _insert(self, domain_id, event):
        values = {"domain_id": domain_id, "polled": True, **self._values(event)}
        ids = insert_if_new(self, values)
        self.browse(ids).payload = event.payload
        self.env["mailgun.open.row"]._open(PENDING, ids, values["occurred_at"])
        return ids

    @api.model
    def _receive_signed(self, signer, event, token):
        """Write an event of a webhook down, in the transaction of the caller.

        :param Signer signer: who posts
        :param EventPost event: what it says
        :param str token: of the signature
        :return: the ids of new rows; none when the event is known
        :rtype: list[int]
        :raise InvalidSignature: it came with something else before
        :raise psycopg2.errors.NotNullViolation: the domain is not as the signer has it
        :raise psycopg2.errors.SerializationFailure: the row came after our snapshot
        """
        use = use_of("event", event.event_id, event.event)
        values = {
            **signer.as_parameters(),
            **self._values(event),
            "payload": event.payload_json,
        }
        self.env.cr.execute(
            _INSERT_SIGNED, {**values, "token": token, "use": use}, log_exceptions=False
        )
        ids = [row_id for (row_id,) in self.env.cr.fetchall()]
        if not ids:
            self.env["mailgun.used.token"]._check_same(token, use)
        return ids

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
            "state": "pending",
        }

    @api.autovacuum
    def _gc_events(self):
        """Forget events after their time."""
        since = keep_since(self.env, "keep_events_days", EVENT_RETENTION_DAYS)
        return remove_before(self, "occurred_at", since)

    # === APPLYING: deliveries and Odoo's own records are told === #

    @api.model
    def _process_queue(self):
        """Apply what is waiting, find out what is in doubt; the cron's entry."""
        restart_clock()
        cron = self.env["ir.cron"]
        queue = EventQueue(self.env.registry)
        budget = Budget(_RUN_SECONDS)
        report = None if module.current_test else cron._commit_progress
        queue.work(budget, report)
        if self.env["mailgun.delivery"]._settle(budget):
            queue.work(budget, report)
        self._forget_foreign()
        if budget.is_used_up:
            self.env.ref("mail_mailgun.ir_cron_events")._trigger()

    def _forget_foreign(self):
        """Remove events of mail that others send by the same domain, and count them."""
        limit = fields.Datetime.now() - timedelta(minutes=_FOREIGN_MINUTES)
        with own_cursor(self.env.registry) as env:
            env.cr.execute(
                """WITH old AS (
                   DELETE FROM mailgun_open_row
                    WHERE id IN (SELECT id FROM mailgun_open_row
                                  WHERE kind = %s AND at < %s
                                  LIMIT %s)
                RETURNING row)
                   DELETE FROM mailgun_event
                    WHERE id IN (SELECT row FROM old) AND state = 'ignored'
                RETURNING domain_id""",
                [_FOREIGN, limit, _FOREIGN_BATCH],
            )
            counts = {}
            for (domain_id,) in env.cr.fetchall():
                counts[domain_id] = counts.get(domain_id, 0) + 1
            for domain in env["mailgun.domain"].browse(counts):
                domain.foreign_event_count += counts[domain.id]

    # === ACTIONS === #

    def action_retry(self):
        """Apply events that failed once more."""
        failed = self.filtered(lambda event: event.state == "failed")
        # Nobody may change what Mailgun said, and this does not.
        failed.sudo().write({"state": "pending", "error": False})
        failed._list_as("pending")
        self.env.ref("mail_mailgun.ir_cron_events").sudo()._trigger()

    # === ONE BATCH === #

    def _apply(self):
        """Apply events, in any order, in the transaction of the caller.

        Their messages are locked, so nobody sends them meanwhile.
        """
        # Even if this database is a copy of another one, and has the same mails.
        others = self._marked_by_others()
        events = self - others
        deliveries = self.env["mailgun.delivery"]._find_for_events(events)
        changes = {}
        for event in events:
            happening = happening_of(event.payload or {}, event._epoch())
            for delivery in deliveries.get(event.id, ()) if happening else ():
                if delivery not in changes:
                    changes[delivery] = delivery._open_change()
                changes[delivery].add(happening, is_machine(event.payload))
        self.env["mailgun.delivery"]._take_changes(changes)
        matched = self.browse(deliveries)
        ours = matched | (events - matched)._of_our_mail()
        ours._set_state("done")
        (self - ours)._set_state("ignored")
        self._note_refused_posts()

    def _note_refused_posts(self):
        """Tell of mail that came in and whose posts are not taken."""
        for event in self.filtered(lambda one: one.event == "failed"):
            if post := refused_post_of(event.payload or {}):
                event.domain_id._note_refused_post(post)

    def _of_our_mail(self):
        """Return those about mail of ours that none of our copies fits to.

        Mailgun tells of each member when a mail went to one of its own lists.
        """
        references, message_ids = self._names_of_mail()
        references = self._known("reference", references)
        known = self._known("message_id", message_ids)
        known |= self._known("mailgun_id", message_ids)
        return self.filtered(
            lambda event: event._reference() in references or event.message_id in known
        )

    def _names_of_mail(self):
        """Return our own marks, and the Message-Ids, of the mail events are about."""
        references = {event._reference() for event in self} - {""}
        return list(references), list(set(self.mapped("message_id")) - {False})

    def _set_state(self, state):
        # Not through write(): nothing depends on it, and there may be many.
        if self:
            self.env.cr.execute(
                "UPDATE mailgun_event SET state = %s WHERE id = ANY(%s)",
                [state, self.ids],
            )
            self.invalidate_recordset(["state"])
            self._list_as(state)

    def _list_as(self, state):
        """List events where those of their state are looked for; done ones nowhere."""
        open_rows = self.env["mailgun.open.row"]
        open_rows._close(list(_LISTED.values()), self.ids)
        if state == "ignored":
            open_rows._open(_FOREIGN, self.ids, fields.Datetime.now())
        elif state in _LISTED:
            for event in self:
                open_rows._open(_LISTED[state], event.ids, event.occurred_at)

    def _reference(self):
        """Return our own mark on the mail, or ""."""
        return reference_of(self.payload or {})

    def _marked_by_others(self):
        """Return those about mail that another database has sent, by its mark."""
        own = {*self.env["mailgun.domain"]._identities(), ""}
        return self.filtered(lambda event: origin_of(event._reference()) not in own)

    def _normalized_recipient(self):
        return normalize(self.recipient or "")

    def _epoch(self):
        """Return when it happened in seconds since 1970."""
        return self.occurred_at.replace(tzinfo=timezone.utc).timestamp()


class MailgunEventPayload(models.Model):
    """What an event said word for word, for some days only.

    Apart from the event, whose row is small so that it changes on its page.
    """

    _name = "mailgun.event.payload"
    _description = "Payload of a Mailgun Event"
    _log_access = False

    event_id = fields.Many2one(
        "mailgun.event", required=True, readonly=True, ondelete="cascade"
    )
    kept_since = fields.Datetime(required=True, readonly=True)
    payload = fields.Json(readonly=True)

    _event_unique = models.Constraint("UNIQUE(event_id)", "An event has one payload.")
    _by_age = models.Index("(kept_since)")

    @api.autovacuum
    def _gc_payloads(self):
        """Forget what events said word for word; what it meant is kept.

        Not of those that could not be applied: they may be applied yet.
        """
        before = keep_since(self.env, "keep_payloads_days", PAYLOAD_RETENTION_DAYS)
        self.env.cr.execute(
            """DELETE FROM mailgun_event_payload
                WHERE id IN (
               SELECT id FROM mailgun_event_payload AS payload
                WHERE kept_since < %s
                  AND NOT EXISTS (SELECT FROM mailgun_open_row AS listed
                                   WHERE listed.kind IN %s
                                     AND listed.row = payload.event_id)
                LIMIT %s)""",
            [before, (PENDING, FAILED), _BATCH],
        )
        count = self.env.cr.rowcount
        self.invalidate_model(["payload"])
        return count, count == _BATCH
