import json
import os
import time
from unittest.mock import patch

from odoo.exceptions import ConcurrencyError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.mail_mailgun.models.domain.health import _last_noted
from odoo.addons.mail_mailgun.models.transactions import own_cursor
from odoo.addons.mail_mailgun.tools.signature import sign

from .common import DOMAIN, SIGNING_KEY, MailgunHttpCase, refused_connection, signed

ANSWERS = "odoo.addons.mail_mailgun.controllers.answers"
PATH = "/mailgun/events"
READER = {
    "ip": "192.0.2.1",
    "geolocation": {"city": "San Antonio"},
    "client-info": {"bot": None, "device-type": "mobile", "user-agent": "Mozilla/5.0"},
}


@tagged("post_install", "-at_install")
class TestEventsEndpoint(MailgunHttpCase):
    def event(self, **values):
        return {
            "event": "delivered",
            "id": "CCXMjJ7nQi2N3BPigGOdgQ",
            "timestamp": 1770146431.65,
            "domain": {"name": DOMAIN},
            "recipient": "Customer@example.org",
            "message": {"headers": {"message-id": "1@mail.example.com"}},
            **values,
        }

    def tell(self, event=None, signature=None):
        payload = {"signature": signature or signed(), "event-data": event}
        return self.tell_text(json.dumps(payload))

    def tell_text(self, body):
        headers = {"Content-Type": "application/json"}
        return self.url_open(PATH, data=body, headers=headers)

    def rows(self):
        self.env.invalidate_all()
        return self.env["mailgun.event"].search([])

    def refused(self, status, words, *arguments, **options):
        with self.assertLogs(ANSWERS, "WARNING") as logs:
            response = self.tell(*arguments, **options)
        self.assertEqual((response.status_code, len(logs.output)), (status, 1))
        self.assertIn(words, response.text)
        self.assertFalse(self.rows())

    def test_without_a_database_connection_it_comes_again(self):
        refused = patch.object(own_cursor, "own_cursor", refused_connection)
        with self.assertLogs(ANSWERS, "WARNING") as logs, refused:
            response = self.tell(self.event())
        self.assertEqual((response.status_code, len(logs.output)), (503, 1))
        self.assertIn("no database connection", response.text)

    def test_an_event_is_written_down(self):
        self.assertEqual(self.tell(self.event()).status_code, 200)
        row = self.rows()
        self.assertEqual(row.event, "delivered")
        self.assertEqual(row.message_id, "<1@mail.example.com>")
        self.assertEqual(row.recipient, "customer@example.org")
        self.assertEqual(str(row.occurred_at), "2026-02-03 19:20:31")
        self.assertEqual(row.payload["id"], row.event_id)

    def test_an_event_wakes_the_scheduled_action(self):
        cron = self.env.ref("mail_mailgun.ir_cron_events")
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])
        triggers.unlink()
        self.tell(self.event())
        self.assertEqual(triggers.search_count([("cron_id", "=", cron.id)]), 1)
        self.tell(self.event())
        self.assertEqual(triggers.search_count([("cron_id", "=", cron.id)]), 1)

    def test_an_event_that_comes_again_is_kept_once(self):
        signature = signed()
        for given in (signature, signature, signed()):
            self.assertEqual(self.tell(self.event(), given).status_code, 200)
        self.assertEqual(len(self.rows()), 1)

    def test_events_of_the_accounts_other_domains_are_taken_and_counted(self):
        # Another answer than 200 and Mailgun repeats each of them for hours.
        other = self.event(domain={"name": "shop.example.net"})
        with self.assertNoLogs(ANSWERS, "WARNING"):
            self.assertEqual(self.tell(other).status_code, 200)
        self.env["mailgun.event"]._process_queue()
        self.assertEqual(self.rows().state, "ignored")

    def test_an_event_of_a_domain_here_needs_the_key_of_that_domain(self):
        self.env["mailgun.domain"].create(
            {"name": "other.example.com", "webhook_signing_key": "another"}
        )
        other = self.event(domain={"name": "other.example.com"})
        self.refused(401, "addressed to other.example.com", other)

    def test_a_webhook_of_the_old_kind_is_named_as_such(self):
        legacy = {
            **signed(),
            "event": "delivered",
            "domain": DOMAIN,
            "recipient": "customer@example.org",
            "Message-Id": "<1@mail.example.com>",
        }
        with self.assertLogs(ANSWERS, "WARNING"):
            response = self.url_open(PATH, data=legacy)
        self.assertEqual(response.status_code, 406)
        self.assertIn("old kind", response.text)

    def test_the_same_id_on_another_day_is_another_event(self):
        self.tell(self.event())
        self.tell(self.event(timestamp=1770246431))
        self.assertEqual(len(self.rows()), 2)

    def test_events_of_two_kinds_with_one_id_are_two(self):
        self.tell(self.event())
        self.tell(self.event(event="list_uploaded"))
        self.assertEqual(len(self.rows()), 2)

    def test_what_is_told_of_the_reader_is_dropped(self):
        self.tell(self.event(**READER))
        kept = {"bot": None, "device-type": "mobile"}
        self.assertEqual(self.rows().payload["client-info"], kept)
        self.assertFalse({"ip", "geolocation"} & set(self.rows().payload))

    def test_what_is_told_of_the_reader_is_kept_where_the_domain_says_so(self):
        self.tell(self.event(id="before", **READER))
        self.domain.keep_reader_details = True
        self.tell(self.event(id="after", **READER))
        kept = self.rows().filtered(lambda row: row.event_id == "after")
        for name, value in READER.items():
            self.assertEqual(kept.payload[name], value)

    def test_odd_values_do_no_harm(self):
        odd = [
            {"event": None, "id": None, "timestamp": None, "message": []},
            {"event": "\x00new\ud800", "id": "1", "user-variables": "text\x00"},
            {"id": "2", "timestamp": 1e300, "severity": [], "recipient": {}},
            {"id": "3", "timestamp": -5},
            {"id": "4", "user-variables": "Could not load user-variables"},
            {"id": "5", "user-variables": [], "storage": [], "client-info": "x"},
            {"id": "6", "delivery-status": None, "envelope": {}, "flags": None},
            {"id": "7", "event": "invented_yesterday", "domain": "text"},
            {"id": "8" * 5000, "recipient": "é" * 5000, "timestamp": 10**400},
            {"id": ["9"], "items": [{"event": "failed"}], "paging": {"next": None}},
            {},
        ]
        for values in odd:
            with self.subTest(values=values):
                self.assertEqual(self.tell(values).status_code, 200)
        self.assertEqual(len(self.rows()), len(odd))

    def test_numbers_that_are_none_do_no_harm(self):
        body = json.dumps({"signature": signed(), "event-data": self.event(id="1")})
        body = body.replace('"event":', '"size": NaN, "tags": [1e400], "event":', 1)
        self.assertEqual(self.tell_text(body).status_code, 200)
        self.assertEqual(self.rows().payload["size"], None)
        self.assertEqual(self.rows().payload["tags"], [None])

    def test_a_signature_that_comes_again_brings_nothing_else(self):
        signature = signed()
        self.tell(self.event(), signature)
        forged = self.event(id="other", event="failed", severity="permanent")
        with self.assertLogs(ANSWERS, "WARNING"):
            response = self.tell(forged, signature)
        self.assertEqual(response.status_code, 401)
        self.assertEqual(self.rows().event, "delivered")

    def test_an_event_that_two_webhooks_tell_uses_up_both_signatures(self):
        signatures = [signed(), signed()]
        for signature in signatures:
            self.assertEqual(self.tell(self.event(), signature).status_code, 200)
        other = self.event(id="other")
        for signature in signatures:
            with mute_logger(ANSWERS):
                self.assertEqual(self.tell(other, signature).status_code, 401)
        self.assertEqual(len(self.rows()), 1)

    def test_an_event_of_a_sub_account_is_believed_by_either_key(self):
        for key, parent in ((SIGNING_KEY, "other"), ("other", SIGNING_KEY)):
            signature = signed(key)
            again = sign(parent, signature["timestamp"], signature["token"])
            signature["parent-signature"] = again
            event = self.event(id=f"signed by {key}")
            self.assertEqual(self.tell(event, signature).status_code, 200)
        self.assertEqual(len(self.rows()), 2)

    def test_an_event_that_neither_account_signed_is_refused(self):
        signature = signed("other")
        again = sign("another", signature["timestamp"], signature["token"])
        signature["parent-signature"] = again
        self.refused(401, "no signing key", self.event(), signature=signature)

    def test_an_old_signature_is_refused(self):
        old = signed(timestamp=int(time.time()) - 25 * 3600)
        self.refused(401, "25 hours ago", self.event(), signature=old)

    def test_without_a_key_nothing_is_believed(self):
        self.domain.action_forget_keys()
        self.refused(503, "no webhook signing key", self.event())

    def test_what_is_out_of_use_is_told_nothing(self):
        for values in ({"state": "draft"}, {"database_name": "the original"}):
            with self.subTest(**values):
                self.domain.write(values)
                for event in (self.event(), self.event(domain=None)):
                    self.refused(503, "press", event)
                self.domain.action_confirm()
        self.assertEqual(self.tell(self.event()).status_code, 200)

    def test_an_event_of_an_alias_domain_is_of_its_domain(self):
        self.alias_domain.name = "inbox.example.com"
        event = self.event(domain={"name": "inbox.example.com"})
        self.assertEqual(self.tell(event).status_code, 200)
        self.assertEqual(self.rows().domain_id, self.domain)

    def test_a_wrong_signature_is_refused(self):
        self.refused(401, "no signing key", self.event(), signature=signed("other"))

    def test_an_event_of_no_domain_is_believed_by_any_key_and_by_no_other(self):
        self.refused(401, "no signing key", {"id": "1"}, signature=signed("other"))
        self.assertEqual(self.tell({"id": "1"}).status_code, 200)

    def test_a_missing_signature_is_refused(self):
        self.refused(401, "not a request", self.event(), signature=[1])

    def test_what_is_no_event_is_refused_for_good(self):
        self.refused(406, "this address takes events", None)

    def test_mail_posted_here_is_named(self):
        with mute_logger(ANSWERS):
            response = self.post(PATH)
        self.assertEqual(response.status_code, 406)
        self.assertIn("/mailgun/inbound/mime", response.text)

    @mute_logger(ANSWERS)
    def test_json_that_never_ends_is_refused(self):
        self.assertEqual(self.tell_text('{"a":' * 200_000).status_code, 401)

    def test_what_is_too_large_is_refused(self):
        with mute_logger("odoo.http"):
            response = self.tell(self.event(tags=["x" * 1_100_000]))
        self.assertEqual(response.status_code, 413)
        self.assertFalse(self.rows())

    def test_what_odoo_does_once_more_finds_the_event_again(self):
        model = self.registry["mailgun.event"]
        tries, receive = iter([ConcurrencyError("lost")]), model._receive_signed

        def receive_second(*arguments):
            if error := next(tries, None):
                raise error
            return receive(*arguments)

        with patch.object(model, "_receive_signed", receive_second):
            self.assertEqual(self.tell(self.event()).status_code, 200)
        self.assertEqual(len(self.rows()), 1)

    def test_a_browser_is_told_what_this_is(self):
        self.assertIn("events", self.url_open(PATH).text)

    @mute_logger(ANSWERS)
    @patch.dict(_last_noted, clear=True)
    def test_a_refused_event_is_noted_on_its_domain(self):
        self.tell(self.event(), signature=signed("other"))
        self.env.invalidate_all()
        self.assertIn("no signing key", self.domain.refusal)


@tagged("post_install", "-at_install")
class TestEventsOfAKnownDomain(TestEventsEndpoint):
    """The same once more, after an event that the signer is remembered from."""

    allow_inherited_tests_method = True

    def setUp(self):
        super().setUp()
        self.tell(self.event())
        self.env["mailgun.event"].search([]).unlink()

    def test_a_key_that_was_exchanged_holds_at_once(self):
        self.domain.webhook_signing_key = "new"
        for key in ("new", SIGNING_KEY):
            response = self.tell(self.event(id=key), signed(key))
            self.assertEqual(response.status_code, 200)
        self.assertEqual(len(self.rows()), 2)

    def test_a_key_that_was_removed_is_good_for_nothing_at_once(self):
        self.domain.webhook_signing_key = "new"
        self.domain.webhook_signing_key_previous_closed = False
        self.refused(401, "no signing key", self.event())

    def test_a_key_from_outside_the_database_holds_at_once(self):
        name = "MAILGUN_WEBHOOK_SIGNING_KEY_MAIL_EXAMPLE_COM"
        with patch.dict(os.environ, {name: "outside"}):
            self.refused(401, "no signing key", self.event())
            response = self.tell(self.event(), signed("outside"))
            self.assertEqual(response.status_code, 200)

    def test_a_domain_out_of_use_is_believed_no_more(self):
        for change in ({"active": False}, {"name": "other.example.com"}):
            with self.subTest(change=change):
                self.domain.write({"alias_domain_id": False, **change})
                with mute_logger(ANSWERS):
                    self.assertIn(self.tell(self.event()).status_code, (401, 503))
                self.assertFalse(self.rows())
