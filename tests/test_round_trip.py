import time
from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.mail_mailgun.models.inbound.inbound_queue import InboundQueue
from odoo.addons.mail_mailgun.tools.errors import InvalidSignature
from odoo.addons.mail_mailgun.tools.event_post import event_of
from odoo.addons.mail_mailgun.tools.mime.inbound import InboundPost
from odoo.addons.mail_mailgun.wizard import mailgun_round_trip

from .common import DOMAIN
from .test_connect import ConnectCase


@tagged("post_install", "-at_install")
class TestRoundTrip(ConnectCase):
    source = "events"

    def setUp(self):
        super().setUp()
        self.domain = self.connect()
        self.mailgun.sources = (self.source,)
        self.domain.record_source = self.source
        self.mailgun.seen.clear()
        self.registry_enter_test_mode()

    def start(self, big=False):
        domain = self.domain
        action = domain.action_big_round_trip() if big else domain.action_round_trip()
        trip = self.env["mailgun.round.trip"].browse(action["res_id"])
        trip.start()
        return trip

    def sent(self):
        """Return the mail that Mailgun was given."""
        (seen,) = [one for one in self.mailgun.seen if one.path.endswith("mime")]
        (file,) = seen.form[1].getlist("message")
        return file.read()

    def bring_back(self, trip):
        self.env.flush_all()
        post = InboundPost.from_raw(self.sent(), "", [trip.address])
        self.env["mailgun.inbound.email"]._receive(self.domain, post, "token")

    def route(self):
        InboundQueue(self.registry).work_after_answer()
        self.env.invalidate_all()

    def tell(self, trip, **values):
        event = {
            "id": f"{len(values)}",
            "event": "delivered",
            "timestamp": time.time(),
            "recipient": trip.address,
            "message": {"headers": {"message-id": trip.message_id.strip("<>")}},
            **values,
        }
        self.env["mailgun.event"]._receive(self.domain, event_of(event))

    def done(self, trip):
        """Return the names of the steps that have happened."""
        steps = trip.refresh()["steps"]
        return [step["name"] for step in steps if step["state"] == "done"]

    def patience(self, **seconds):
        return patch.dict(mailgun_round_trip.PATIENCE, seconds)

    def test_each_step_shows_as_it_happens(self):
        trip = self.start()
        self.assertEqual(self.done(trip), ["accepted"])
        self.tell(trip)
        self.assertEqual(self.done(trip), ["accepted", "delivered"])
        self.bring_back(trip)
        self.assertEqual(self.done(trip), ["accepted", "delivered", "received"])
        self.route()
        found = trip.refresh()
        self.assertEqual((found["state"], found["remedy"]), ("done", ""))
        self.assertEqual({step["state"] for step in found["steps"]}, {"done"})

    def test_the_mail_makes_no_record_and_answers_nobody(self):
        before = self.env["mail.message"].search_count([])
        trip = self.start()
        self.bring_back(trip)
        self.route()
        row = self.env["mailgun.inbound.email"].search([], limit=1)
        self.assertEqual(row.state, "ignored")
        self.assertIn("round trip", row.error)
        self.assertEqual(self.env["mail.message"].search_count([]), before)

    def test_the_big_one_has_fifteen_megabytes_as_it_travels(self):
        self.start(big=True)
        self.assertAlmostEqual(len(self.sent()) / 1024 / 1024, 15, delta=0.5)

    def test_a_refused_mail_names_what_mailgun_says(self):
        self.mailgun.answer(401, b"Forbidden", "text/plain")
        trip = self.start()
        self.assertEqual(trip.state, "failed")
        self.assertIn("API key", trip.remedy)

    def test_a_bounce_names_the_mx_records(self):
        trip = self.start()
        status = {"message": "No MX for mail.example.com"}
        self.tell(
            trip, event="failed", severity="permanent", **{"delivery-status": status}
        )
        self.assertEqual(trip.refresh()["state"], "failed")
        self.assertIn("No MX for", trip.remedy)

    def test_a_temporary_failure_is_waited_for(self):
        trip = self.start()
        self.tell(trip, event="failed", severity="temporary")
        self.assertEqual(trip.refresh()["state"], "running")

    def test_a_wrong_signing_key_is_named(self):
        trip = self.start()
        self.tell(trip)
        self.domain._note_refusal(InvalidSignature("no signing key fits"))
        with self.patience(received=-1):
            self.assertIn("no signing key fits", trip.refresh()["remedy"])

    def test_a_missing_route_is_named(self):
        trip = self.start()
        self.tell(trip)
        self.mailgun.answer(404, {"message": "Route not found"})
        with self.patience(received=-1):
            self.assertIn("No route", trip.refresh()["remedy"])

    def test_an_unreachable_address_is_named(self):
        trip = self.start()
        self.tell(trip)
        with self.patience(received=-1):
            self.assertIn("/mailgun/inbound/mime", trip.refresh()["remedy"])

    def test_a_proxy_that_cuts_big_mail_is_named(self):
        trip = self.start(big=True)
        self.tell(trip)
        with self.patience(received=-1):
            self.assertIn("client_max_body_size", trip.refresh()["remedy"])

    def test_missing_mx_records_are_named(self):
        trip = self.start()
        with self.patience(received=-1):
            self.assertIn("MX records", trip.refresh()["remedy"])

    def test_a_stuck_queue_is_named(self):
        trip = self.start()
        self.bring_back(trip)
        with self.patience(routed=-1):
            self.assertIn("scheduled action", trip.refresh()["remedy"])

    def test_mailgun_is_asked_for_events_that_no_webhook_brought(self):
        trip = self.start()
        self.mailgun.events = [
            {
                "id": "1",
                "event": "delivered",
                "timestamp": time.time(),
                "recipient": trip.address,
                "message": {"headers": {"message-id": trip.message_id.strip("<>")}},
            }
        ]
        trip.started_at -= mailgun_round_trip.ASK_AFTER
        self.assertEqual(self.done(trip), ["accepted", "delivered"])

    def test_mail_that_is_back_without_events_is_proven_with_a_warning(self):
        trip = self.start()
        self.bring_back(trip)
        self.route()
        self.assertEqual(trip.refresh()["state"], "running")
        with patch.object(mailgun_round_trip, "EVENT_PATIENCE", -1):
            found = trip.refresh()
        self.assertEqual(found["state"], "done")
        self.assertIn("no event", found["remedy"])

    def test_it_goes_to_the_alias_domain(self):
        self.assertTrue(self.start().address.endswith(f"@{DOMAIN}"))
        self.domain.alias_domain_id.name = "inbox.example.com"
        self.mailgun.seen.clear()
        self.assertTrue(self.start().address.endswith("@inbox.example.com"))


@tagged("post_install", "-at_install")
class TestRoundTripByLogs(TestRoundTrip):
    """The same, from an account that has Logs and no Events."""

    source = "logs"
