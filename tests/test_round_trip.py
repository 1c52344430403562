import time
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged

from odoo.addons.mail_mailgun.models.inbound.arrivals import RECOVERED
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
        self.scheduled(minutes=1)

    def scheduled(self, **ago):
        """Have scheduled actions run for the last time so long ago."""
        for name in ("ir_cron_events", "ir_cron_inbound_queue"):
            cron = self.env.ref(f"mail_mailgun.{name}")
            cron.lastcall = fields.Datetime.now() - timedelta(**ago)

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

    def bring_back(self, trip, token="token", recipient=None):
        self.env.flush_all()
        post = InboundPost.from_raw(self.sent(), "", [recipient or trip.address])
        self.env["mailgun.inbound.email"]._receive_signed([(self.domain, post)], token)

    def fetch_back(self, trip, *refusals):
        """Have the mail come by fetching; Mailgun tells of these answers to posts."""
        self.env.flush_all()
        post = InboundPost.from_raw(self.sent(), "", [trip.address])
        token = f"{RECOVERED}1"
        self.env["mailgun.inbound.email"]._receive(self.domain, post, token)
        self.mailgun.events = [
            {
                "id": f"refusal-{number}",
                "event": "failed",
                "severity": "temporary",
                "timestamp": time.time(),
                "recipient": self.domain.inbound_url,
                "message": {"headers": {"message-id": trip.message_id.strip("<>")}},
                "delivery-status": {"code": code, "message": words},
            }
            for number, (code, words) in enumerate(refusals)
        ]

    def route(self):
        InboundQueue(self.registry).work_after_answer()
        self.env.invalidate_all()

    def tell(self, trip, by_webhook=True, **values):
        event = {
            "id": f"{len(values)}",
            "event": "delivered",
            "timestamp": time.time(),
            "recipient": trip.address,
            "message": {"headers": {"message-id": trip.message_id.strip("<>")}},
            **values,
        }
        events = self.env["mailgun.event"]
        ids = events._receive(self.domain, event_of(event))
        events.browse(ids).polled = not by_webhook

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

    def states(self, trip):
        return [step["state"] for step in trip.refresh()["steps"]]

    def test_only_the_step_that_stopped_is_red(self):
        trip = self.start()
        self.assertEqual(self.states(trip), ["done", "waiting", "waiting", "waiting"])
        self.tell(trip)
        with self.patience(received=-1):
            trip.refresh()
        self.assertEqual(self.states(trip), ["done", "done", "stopped", "missed"])
        refused = self.start_refused()
        self.assertEqual(self.states(refused), ["stopped", *["missed"] * 3])

    def start_refused(self):
        self.mailgun.answer(401, b"Forbidden", "text/plain")
        action = self.domain.action_round_trip()
        trip = self.env["mailgun.round.trip"].browse(action["res_id"])
        trip.start()
        return trip

    def test_a_route_that_leads_nowhere_is_found_soon_and_stays_on_its_line(self):
        trip = self.start()
        self.tell(trip)
        self.mailgun.routes = []
        self.assertEqual(trip.refresh()["state"], "running")
        with patch.object(mailgun_round_trip, "LOOK_AFTER", -1):
            found = trip.refresh()
        self.assertEqual(found["state"], "failed")
        self.assertTrue(found["remedy"].startswith(self.domain.route_trouble))
        trip.action_repair()
        self.assertFalse(self.domain.route_trouble)
        again = trip.action_try_again()["res_id"]
        self.assertNotEqual(again, trip.id)

    def test_a_lost_answer_is_waited_out(self):
        self.mailgun.answer(500, {"message": "Internal Server Error"})
        trip = self.start()
        found = trip.refresh()
        self.assertEqual(found["state"], "running")
        self.assertIn("answer was lost", found["remedy"])
        self.bring_back(trip)
        self.tell(trip)
        self.route()
        found = trip.refresh()
        self.assertEqual((found["state"], found["remedy"]), ("done", ""))

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

    def test_mail_that_came_by_fetching_proves_nothing_and_ends_the_trip(self):
        trip = self.start()
        self.tell(trip)
        page = "<html><head><title>404 Not Found</title></head>\n<h1>nginx</h1>"
        self.fetch_back(trip, (404, page))
        self.route()
        self.assertEqual(self.done(trip), ["accepted", "delivered"])
        self.assertEqual(trip.state, "running")
        with self.patience(posted=-1):
            found = trip.refresh()
        self.assertEqual(found["state"], "failed")
        self.assertEqual(self.done(trip), ["accepted", "delivered"])
        for words in ("by fetching, not by the route", "404 Not Found", "dbfilter"):
            self.assertIn(words, found["remedy"])
        self.assertIn(self.domain.inbound_url, found["remedy"])
        self.assertNotIn("client_max_body_size", found["remedy"])

    def test_a_proxy_that_refuses_the_size_of_a_fetched_mail_is_named(self):
        trip = self.start(big=True)
        self.tell(trip)
        self.fetch_back(trip, (404, "Not Found"), (413, "Request Entity Too Large"))
        with self.patience(posted=-1):
            self.assertIn("client_max_body_size", trip.refresh()["remedy"])
        self.assertIn("413 Request Entity Too Large", trip.remedy)

    def test_both_remedies_are_told_when_nobody_says_why_no_post_arrives(self):
        trip = self.start()
        self.fetch_back(trip)
        with self.patience(posted=-1):
            self.assertIn("dbfilter", trip.refresh()["remedy"])
        self.assertIn("client_max_body_size", trip.remedy)

    def test_a_post_that_comes_after_fetching_proves_the_way(self):
        trip = self.start()
        self.tell(trip)
        self.fetch_back(trip)
        self.bring_back(trip)
        self.route()
        self.assertEqual(trip.refresh()["state"], "done")

    def test_a_delivery_that_only_asking_told_of_proves_no_webhook(self):
        trip = self.start()
        self.tell(trip, by_webhook=False)
        trip.delivered_at = time.time()
        self.bring_back(trip)
        self.route()
        self.assertEqual(trip.refresh()["state"], "running")
        with patch.object(mailgun_round_trip, "EVENT_PATIENCE", -1):
            self.assertIn("no event told", trip.refresh()["remedy"])

    def test_that_no_server_runs_scheduled_actions_is_found_and_told(self):
        self.scheduled(hours=1)
        trip = self.start()
        self.tell(trip)
        self.bring_back(trip)
        self.route()
        self.assertEqual(trip.refresh()["state"], "running")
        with self.patience(scheduled=-1):
            self.assertEqual(trip.refresh()["state"], "failed")
        self.assertIn("max_cron_threads", trip.remedy)

    def with_alias(self):
        self.env["mail.alias"].search([]).alias_name = False
        return self.env["mail.alias"].create(
            {
                "alias_name": "people",
                "alias_domain_id": self.domain.alias_domain_id.id,
                "alias_model_id": self.env["ir.model"]._get_id("res.partner"),
            }
        )

    def test_it_goes_to_a_real_alias_as_well_and_makes_nothing_of_it(self):
        self.with_alias()
        trip = self.start()
        self.tell(trip)
        self.assertEqual(trip.alias, f"people@{DOMAIN}")
        (seen,) = [one for one in self.mailgun.seen if one.path.endswith("mime")]
        self.assertEqual(seen.values("to"), [trip.address, trip.alias])
        self.bring_back(trip)
        self.route()
        self.assertEqual(trip.refresh()["state"], "running")
        self.bring_back(trip, "other", trip.alias)
        self.route()
        self.assertEqual(trip.refresh()["state"], "done")
        rows = self.env["mailgun.inbound.email"].search([])
        self.assertEqual(set(rows.mapped("state")), {"ignored"})

    def test_a_route_that_takes_the_mail_of_aliases_is_named(self):
        self.with_alias()
        trip = self.start()
        self.tell(trip)
        self.bring_back(trip)
        with self.patience(received=-1):
            self.assertIn("mail to the alias people@", trip.refresh()["remedy"])

    def test_it_goes_to_the_alias_domain(self):
        self.assertTrue(self.start().address.endswith(f"@{DOMAIN}"))
        self.domain.alias_domain_id.name = "inbox.example.com"
        self.mailgun.seen.clear()
        self.assertTrue(self.start().address.endswith("@inbox.example.com"))


@tagged("post_install", "-at_install")
class TestRoundTripByLogs(TestRoundTrip):
    """The same, from an account that has Logs and no Events."""

    allow_inherited_tests_method = True
    source = "logs"
