import time
from datetime import timedelta, timezone

from odoo import api, fields, models
from odoo.modules import module

from ..tools.addresses import normalize
from ..tools.delivery_state import happening_of, is_machine
from ..tools.event_post import reference_of
from .event_queue import EventQueue
from .own_cursor import own_cursor
from .server_clock import restart_clock

# A run of the cron comes to an end when others are waiting for their turn.
_RUN_SECONDS = 50
# Events of mail that is none of ours are forgotten within the hour.
_FOREIGN_MINUTES = 45
_FOREIGN_BATCH = 10_000


class MailgunEvent(models.Model):
    """Applies what Mailgun told to deliveries and to Odoo's own records."""

    _inherit = "mailgun.event"

    _waiting = models.Index("(occurred_at, id) WHERE state = 'pending'")
    _unappliable = models.Index("(domain_id) WHERE state = 'failed'")
    _foreign = models.Index("(create_date) WHERE state = 'ignored'")

    @api.model
    def _process_queue(self):
        """Apply what is waiting, find out what is in doubt; the cron's entry."""
        restart_clock()
        cron = self.env["ir.cron"]
        queue = EventQueue(self.env.registry)
        deadline = time.monotonic() + _RUN_SECONDS
        report = None if module.current_test else cron._commit_progress
        queue.work(deadline, report)
        if self.env["mailgun.delivery"]._settle():
            queue.work(deadline, report)
        self._forget_foreign()
        if time.monotonic() >= deadline:
            self.env.ref("mail_mailgun.ir_cron_events")._trigger()

    def _forget_foreign(self):
        """Remove events of mail that others send by the same domain, and count them."""
        limit = fields.Datetime.now() - timedelta(minutes=_FOREIGN_MINUTES)
        with own_cursor(self.env.registry) as env:
            env.cr.execute(
                """DELETE FROM mailgun_event
                    WHERE id IN (SELECT id FROM mailgun_event
                                  WHERE state = 'ignored' AND create_date < %s
                                  LIMIT %s)
                RETURNING domain_id""",
                [limit, _FOREIGN_BATCH],
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
        self.env.ref("mail_mailgun.ir_cron_events").sudo()._trigger()

    # === ONE BATCH === #

    def _apply(self):
        """Apply events, in any order, in the transaction of the caller.

        Their messages are locked, so nobody sends them meanwhile.
        """
        deliveries = self.env["mailgun.delivery"]._find_for_events(self)
        changes = {}
        ours = self.browse()
        for event in self:
            delivery = deliveries.get(event.id)
            if not delivery:
                continue
            ours |= event
            happening = happening_of(event.payload, event._epoch())
            if happening:
                change = changes.setdefault(delivery, delivery._open_change())
                change.add(happening, is_machine(event.payload))
        self.env["mailgun.delivery"]._take_changes(changes)
        ours._set_state("done")
        (self - ours)._set_state("ignored")

    def _set_state(self, state):
        # Not through write(): nothing depends on it, and there may be many.
        if self:
            self.env.cr.execute(
                "UPDATE mailgun_event SET state = %s WHERE id = ANY(%s)",
                [state, self.ids],
            )
            self.invalidate_recordset(["state"])

    def _reference(self):
        """Return our own mark on the mail, or ""."""
        return reference_of(self.payload or {})

    def _normalized_recipient(self):
        return normalize(self.recipient or "")

    def _epoch(self):
        """Return when it happened in seconds since 1970."""
        return self.occurred_at.replace(tzinfo=timezone.utc).timestamp()
