import json

from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import DOMAIN, MailgunHttpCase, signed

ANSWERS = "odoo.addons.mail_mailgun.controllers.answers"
PATH = "/mailgun/events"


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
        body = json.dumps(payload)
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

    def test_an_event_is_written_down(self):
        self.assertEqual(self.tell(self.event()).status_code, 200)
        row = self.rows()
        self.assertEqual(row.event, "delivered")
        self.assertEqual(row.message_id, "<1@mail.example.com>")
        self.assertEqual(row.recipient, "customer@example.org")
        self.assertEqual(str(row.occurred_at), "2026-02-03 19:20:31")
        self.assertEqual(row.payload["id"], row.event_id)

    def test_an_event_that_comes_again_is_kept_once(self):
        signature = signed()
        for given in (signature, signature, signed()):
            self.assertEqual(self.tell(self.event(), given).status_code, 200)
        self.assertEqual(len(self.rows()), 1)

    def test_the_same_id_on_another_day_is_another_event(self):
        self.tell(self.event())
        self.tell(self.event(timestamp=1770246431))
        self.assertEqual(len(self.rows()), 2)

    def test_where_the_reader_was_is_dropped(self):
        self.tell(self.event(event="opened", ip="192.0.2.1", geolocation={"city": "x"}))
        self.assertNotIn("ip", self.rows().payload)
        self.assertNotIn("geolocation", self.rows().payload)

    def test_odd_values_do_no_harm(self):
        odd = [
            {"event": None, "id": None, "timestamp": None, "message": []},
            {"event": "\x00new\ud800", "id": "1", "user-variables": "text\x00"},
            {"id": "2", "timestamp": 1e300, "severity": [], "recipient": {}},
            {"id": "3", "timestamp": -5},
            {},
        ]
        for values in odd:
            with self.subTest(values=values):
                self.assertEqual(self.tell(values).status_code, 200)
        self.assertEqual(len(self.rows()), len(odd))

    def test_an_event_of_an_alias_domain_is_of_its_domain(self):
        self.alias_domain.name = "inbox.example.com"
        event = self.event(domain={"name": "inbox.example.com"})
        self.assertEqual(self.tell(event).status_code, 200)
        self.assertEqual(self.rows().domain_id, self.domain)

    def test_a_wrong_signature_is_refused(self):
        self.refused(401, "no signing key", self.event(), signature=signed("other"))

    def test_a_missing_signature_is_refused(self):
        self.refused(401, "not a request", self.event(), signature=[1])

    def test_an_event_of_a_domain_that_is_none_here_is_refused(self):
        event = self.event(domain={"name": "other.example.com"})
        self.refused(401, "other.example.com", event)

    def test_what_is_no_event_is_refused_for_good(self):
        self.refused(406, "this address takes events", None)

    def test_mail_posted_here_is_named(self):
        with mute_logger(ANSWERS):
            response = self.post(PATH)
        self.assertEqual(response.status_code, 406)
        self.assertIn("/mailgun/inbound/mime", response.text)

    @mute_logger(ANSWERS)
    def test_json_that_never_ends_is_refused(self):
        body = '{"a":' * 200_000
        headers = {"Content-Type": "application/json"}
        response = self.url_open(PATH, data=body, headers=headers)
        self.assertEqual(response.status_code, 401)

    def test_a_browser_is_told_what_this_is(self):
        self.assertIn("events", self.url_open(PATH).text)

    @mute_logger(ANSWERS)
    def test_a_refused_event_is_noted_on_its_domain(self):
        self.tell(self.event(), signature=signed("other"))
        self.env.invalidate_all()
        self.assertIn("no signing key", self.domain.refusal)
