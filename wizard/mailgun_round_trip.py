import os
import secrets
import time
from datetime import timedelta, timezone
from email.message import EmailMessage

from odoo import api, fields, models

from ..models.domain.scheduled_actions import OVERDUE
from ..models.inbound.arrivals import RECOVERED, refusal_remedy
from ..models.transactions.words import in_words
from ..tools.api.management import Management
from ..tools.api.record import Query, event_time
from ..tools.api.session import MailgunSession
from ..tools.api.stored_mail import last_refusal
from ..tools.errors import ApiError, DoubtfulError, MailgunError

MIB = 1024 * 1024

# Seconds after which a step that has not happened counts as stuck.
PATIENCE = {"received": 120, "routed": 60, "posted": 30, "scheduled": 90}
# Seconds to wait for events when the mail itself is back already.
EVENT_PATIENCE = 15
# Seconds until Mailgun is asked for events that no webhook has brought, and between.
ASK_AFTER = 5
# Seconds from the delivery until the route is looked at.
LOOK_AFTER = 10
STEPS = ("accepted", "delivered", "received", "routed")


class MailgunRoundTrip(models.TransientModel):
    """A mail to ourselves: it proves key, DNS, route, signature, webhooks and routing.

    Each step has the time at which it happened; the first that does not happen in time
    names what to repair.
    """

    _name = "mailgun.round.trip"
    _description = "Mailgun Round Trip"

    domain_id = fields.Many2one("mailgun.domain", required=True, ondelete="cascade")
    size_mb = fields.Integer()
    message_id = fields.Char(index=True)
    address = fields.Char()
    alias = fields.Char(help="A real address of Odoo that gets the mail as well.")
    state = fields.Selection(
        [("running", "Under way"), ("done", "Proven"), ("failed", "Stopped")],
        required=True,
        default="running",
    )
    remedy = fields.Text()
    # Seconds since 1970, for they lie fractions of a second apart.
    started_at = fields.Float(digits=(16, 3))
    accepted_at = fields.Float(digits=(16, 3))
    delivered_at = fields.Float(digits=(16, 3))
    received_at = fields.Float(digits=(16, 3))
    routed_at = fields.Float(digits=(16, 3))
    asked_at = fields.Float(digits=(16, 3))
    is_told = fields.Boolean(help="A webhook has told of the delivery.")
    is_route_seen = fields.Boolean(help="The route was looked at.")

    # === SENDING === #

    @api.model_create_multi
    def create(self, vals_list):
        trips = super().create(vals_list)
        for trip in trips:
            domain = trip.domain_id
            name = domain.alias_domain_id.name or domain.name
            trip.address = f"round-trip-{secrets.token_hex(8)}@{name}"
            trip.message_id = f"<{secrets.token_hex(16)}@{domain.name}>"
            trip.alias = domain._an_alias().alias_full_name
        return trips

    def start(self):
        """Hand the mail to Mailgun; a failure is a result as well.

        Apart from the creation, which has to be committed before the mail is back.

        :return: as ``refresh``
        """
        self.ensure_one()
        self.started_at = time.time()
        domain = self.domain_id
        session = MailgunSession(
            domain.name, domain._open_client, None, None, observe=domain._note_sending
        )
        try:
            session.send_message(self._compose(), self._sender(), self._recipients())
        except DoubtfulError:
            self.remedy = self.env._("Mailgun's answer was lost; waiting for the mail.")
        except MailgunError as error:
            self._stop(in_words(self.env, error))
        else:
            self.accepted_at = time.time()
        finally:
            session.quit()
        if self.state == "running":
            self.env.ref("mail_mailgun.ir_cron_events").sudo()._trigger()
        return self.refresh()

    # === ACTIONS === #

    def action_repair(self):
        """Repair what is wrong at Mailgun; see the domain's."""
        self.ensure_one()
        return self.domain_id.action_repair()

    def action_try_again(self):
        """Begin another trip of the same size."""
        self.ensure_one()
        domain = self.domain_id
        return (
            domain.action_big_round_trip()
            if self.size_mb
            else domain.action_round_trip()
        )

    def _compose(self):
        message = EmailMessage()
        message["From"] = self._sender()
        message["To"] = ", ".join(self._recipients())
        message["Subject"] = self.env._("Round trip of Odoo")
        message["Message-Id"] = self.message_id
        # Nobody shall answer it, wherever it ends up (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(
            self.env._("This mail proves that Odoo sends and receives by Mailgun.")
        )
        if self.size_mb:
            # What cannot be compressed, and is measured as it travels, in base64.
            data = os.urandom(self.size_mb * MIB * 3 // 4)
            message.add_attachment(
                data, "application", "octet-stream", filename="big.bin"
            )
        return message

    def _sender(self):
        return f"round-trip@{self.domain_id.name}"

    def _recipients(self):
        """Return to whom the mail goes: its own address, and a real one."""
        return [self.address, *filter(None, [self.alias])]

    # === COMING BACK === #

    @api.model
    def _is_ours(self, message_id):
        """Tell whether a mail is one of ours that has come back.

        Nothing is written here: who watches reads the journal.
        """
        return bool(
            self.sudo().search_count([("message_id", "=", message_id)], limit=1)
        )

    # === WATCHING === #

    def refresh(self):
        """Look what has happened by now.

        :return: ``{"state", "remedy", "steps"}``, of each step what ``_step`` returns
        """
        self.ensure_one()
        if self.state == "running":
            self._look()
        return {
            "state": self.state,
            "remedy": self.remedy or "",
            "steps": [self._step(name) for name in STEPS],
        }

    def _step(self, name):
        """Return what is shown of a step.

        Of a trip that has stopped, that is where: behind the last step that happened.
        """
        titles = {
            "accepted": self.env._("Accepted by Mailgun"),
            "delivered": self.env._("Delivered to %s", self.domain_id.name),
            "received": self.env._("Received by Odoo"),
            "routed": self.env._("Routed by Odoo"),
        }
        happened = self[f"{name}_at"]
        done = [number for number, one in enumerate(STEPS, 1) if self[f"{one}_at"]]
        place, last = STEPS.index(name), max(done, default=0)
        state, note = "waiting", ""
        if happened:
            state = "done"
        elif place < last and self.state != "running":
            state, note = "missed", self.env._("nothing told of it")
        elif self.state == "failed" and place == last:
            state = "stopped"
        elif self.state == "failed":
            state, note = "missed", self.env._("not reached")
        return {
            "name": name,
            "title": titles[name],
            "seconds": round(happened - self.started_at, 1) if happened else False,
            "state": state,
            "note": note,
        }

    def _look(self):
        self.received_at, self.routed_at, fetched_at = self._arrivals()
        if self.received_at and not self.accepted_at:
            # The answer that was lost said so.
            self.write({"accepted_at": self.started_at, "remedy": False})
        if not self.is_told:
            self._look_for_events()
        if self.routed_at and self.received_at and self._is_scheduled():
            self._finish()
            return
        if self.state != "running":
            return
        if self.received_at:
            self._look_at_work()
        elif fetched_at:
            if time.time() - fetched_at > PATIENCE["posted"]:
                self._stop(self._why_not_posted())
        elif time.time() - (self.accepted_at or self.started_at) > PATIENCE["received"]:
            self._stop(self._why_not_received())
        elif self.delivered_at and time.time() - self.delivered_at > LOOK_AFTER:
            self._look_at_route()

    def _look_at_route(self):
        """Stop when the route, looked at once, is found to lead nowhere."""
        if not self.is_route_seen:
            self.is_route_seen = True
            if trouble := self._route_trouble():
                self._stop(trouble)

    def _look_at_work(self):
        """Stop when Odoo has the mail, and does not go on by itself."""
        if not self.routed_at:
            if time.time() - self.received_at > PATIENCE["routed"]:
                self._stop(self._why_not_routed())
        elif time.time() - self.routed_at > PATIENCE["scheduled"]:
            last = self.domain_id._last_scheduled_at() or self.create_date
            self._stop(" ".join(self.domain_id._nobody_scheduled_words(last)))

    def _is_scheduled(self):
        """Tell whether scheduled actions run, without which no event is applied."""
        last = self.domain_id._last_scheduled_at()
        return bool(last) and fields.Datetime.now() - last <= OVERDUE

    def _finish(self):
        """End well; a delivery that nobody told of is a finding, not a failure."""
        if self.is_told:
            self.state = "done"
        elif time.time() - self.routed_at > EVENT_PATIENCE:
            self.state = "done"
            self.remedy = self.env._(
                "The mail came back, but no event told of its delivery: bounces would "
                "go unnoticed. Check the webhooks, see the page Manual Setup."
            )

    def _arrivals(self):
        """Return when the mail was here for all recipients; 0 = not yet.

        :return: posted, routed, and when the last copy came that was only fetched
        """
        times = zip(*map(self._journaled, self._recipients()), strict=True)
        posted, routed, fetched = times
        return _when_all(posted), _when_all(routed), max(fetched)

    def _journaled(self, recipient):
        """Return when the mail was posted, routed, and fetched; 0 = not yet.

        :param str recipient: an address; Mailgun posts a mail for each of them

        Mail that is fetched says nothing about the way that it should have come.
        """
        self.env.cr.execute(
            """SELECT extract(epoch FROM min(create_date) FILTER (WHERE is_posted)),
                      extract(epoch FROM min(write_date) FILTER
                                         (WHERE is_posted AND state <> 'pending')),
                      extract(epoch FROM min(create_date) FILTER (WHERE NOT is_posted))
                 FROM (SELECT *, COALESCE(token, '') NOT LIKE %s AS is_posted
                         FROM mailgun_inbound_email
                        WHERE domain_id = %s AND message_id = %s
                          AND recipient = %s) AS mail""",
            [f"{RECOVERED}%", self.domain_id.id, self.message_id, recipient],
        )
        return [float(moment or 0) for moment in self.env.cr.fetchone()]

    # === EVENTS === #

    def _look_for_events(self):
        # By their age, of which there is an index.
        told = self.env["mailgun.event"].search(
            [
                ("occurred_at", ">=", self.create_date - timedelta(minutes=5)),
                ("message_id", "=", self.message_id),
                ("polled", "=", False),
            ]
        )
        self._apply([event.payload for event in told])
        self.is_told = bool(self.delivered_at) and bool(told)
        due = max(self.started_at + ASK_AFTER, self.asked_at + ASK_AFTER)
        if self.state != "running" or self.delivered_at or time.time() < due:
            return
        self.asked_at = time.time()
        self._apply(self._ask())

    def _ask(self):
        """Return what Mailgun's record says of the mail."""
        if self.domain_id.key_kind != "api":
            return []
        try:
            with self.domain_id._open_client() as client:
                query = Query(self.started_at - 60, message_id=self.message_id)
                return list(self.domain_id._record(client).read(query))
        except ApiError:
            # What matters is the mail; the next look asks again.
            return []

    def _apply(self, events):
        for event in events:
            if event.get("recipient") != self.address:
                continue
            if event.get("event") == "delivered":
                self.delivered_at = event_time(event) or time.time()
            elif (
                event.get("event") == "failed" and event.get("severity") == "permanent"
            ):
                self._stop(self._why_not_delivered(event))

    # === WHAT TO REPAIR === #

    def _stop(self, remedy):
        self.state = "failed"
        self.remedy = remedy

    def _why_not_delivered(self, event):
        status = event.get("delivery-status") or {}
        words = (
            status.get("message") or status.get("description") or event.get("reason")
        )
        return self.env._(
            "Mailgun could not deliver the mail to %(domain)s: %(why)s Check the MX "
            "records of the domain, see the page DNS.",
            domain=self.address.partition("@")[2],
            why=words or self.env._("no reason given."),
        )

    def _refusal(self):
        """Return why a post was refused since then, and the status; or "" and 0."""
        domain = self.domain_id
        domain.invalidate_recordset(["refusal", "refusal_at", "refusal_status"])
        if not domain.refusal or _epoch(domain.refusal_at) < self.started_at - 1:
            return "", 0
        return domain.refusal, domain.refusal_status

    def _why_not_posted(self):
        """Say what to do about mail that came by another way than the one to prove."""
        post = last_refusal(self._ask())
        told = (in_words(self.env, post), post.status) if post else self._refusal()
        why, status = told
        return self.env._(
            "The mail came by fetching, not by the route: posts do not arrive at "
            "%(url)s. %(why)s %(remedy)s",
            url=self.domain_id.inbound_url,
            why=why,
            remedy=refusal_remedy(self.env, why, status),
        )

    def _why_not_received(self):
        domain = self.domain_id
        why, status = self._refusal()
        if status:
            return f"{why} {refusal_remedy(self.env, why, status)}"
        if why:
            return self.env._("Odoo refused the mail: %s", why)
        if any(self._journaled(self.address)):
            return self.env._(
                "Mail to %(address)s came, and mail to the alias %(alias)s did not. "
                "Look at Mailgun for a route that takes it first, under Receiving, "
                "and in the log of the domain.",
                address=self.address,
                alias=self.alias,
            )
        if not self.delivered_at:
            return self.env._(
                "Mailgun has accepted the mail and not delivered it yet. Check that "
                "the MX records of %s lead to Mailgun, see the page DNS; new records "
                "take some hours.",
                self.address.partition("@")[2],
            )
        if trouble := self._route_trouble():
            return trouble
        if self.size_mb:
            return self.env._(
                "Mailgun could not hand over a mail of %(size)s MB at %(url)s. If the "
                "small round trip works, a proxy in front of Odoo limits the size of "
                "requests: with nginx set client_max_body_size to 200m, and look for "
                "the status 413 in its log.",
                size=self.size_mb,
                url=domain.inbound_url,
            )
        return self.env._(
            "The mail is at Mailgun, but did not come to %s. Open this address from "
            "outside your network: it must answer with one line about Mailgun. If it "
            "does not, check DNS, certificate, firewall and proxy, and whether the "
            "host name leads to this database (dbfilter).",
            domain.inbound_url,
        )

    def _route_trouble(self):
        domain = self.domain_id
        if domain.key_kind != "api":
            return False
        try:
            with domain._open_client() as client:
                name = self.address.partition("@")[2]
                found = domain._look_at_mail_for(name, Management(client))
        except ApiError as error:
            return in_words(self.env, error)
        if found.trouble:
            domain.write(found.as_values("route"))
        remedy = domain._entry_remedy(found.is_elsewhere)
        return found.trouble and f"{found.trouble} {remedy}"

    def _why_not_routed(self):
        return self.env._(
            "The mail is in the journal and waits to be routed. Check that the "
            "scheduled action “Mailgun: route waiting mail” is active, and look at the "
            "reason in Mailgun Inbound Emails."
        )


def _when_all(times):
    """Return when the last of some things happened, 0 if one has not."""
    return max(times) if all(times) else 0.0


def _epoch(moment):
    return moment.replace(tzinfo=timezone.utc).timestamp()
