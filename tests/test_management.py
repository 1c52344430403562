from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.api.client import MailgunClient
from odoo.addons.mail_mailgun.tools.api.management import Management, Route
from odoo.addons.mail_mailgun.tools.errors import NotThere

from .local_mailgun import LocalMailgun

DOMAIN = "mail.example.com"
URL = "https://odoo.example.com/mailgun/events"
ROUTE = {
    "id": "r1",
    "priority": 3,
    "description": "Odoo",
    "expression": "catch_all()",
    "actions": ['forward("https://x/mime")', "stop()"],
}


class ManagementCase(BaseCase):
    """A Mailgun on this machine that answers what the test says."""

    credentials = ("eu", "key-secret", "sub-1")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.mailgun = LocalMailgun()
        cls.enterClassContext(cls.mailgun.running())

    def setUp(self):
        super().setUp()
        self.mailgun.seen.clear()
        self.mailgun.answers.clear()
        self.client = MailgunClient(*self.credentials)
        self.addCleanup(self.client.close)
        self.account = Management(self.client)

    def asked(self):
        return [(seen.method, seen.path) for seen in self.mailgun.seen]


@tagged("mailgun_tools")
class TestManagement(ManagementCase):
    def test_all_pages_of_domains_are_read(self):
        page = [{"name": f"d{number}.example.com"} for number in range(100)]
        self.mailgun.answer(200, {"items": page, "total_count": 101})
        self.mailgun.answer(200, {"items": [{"name": "Last.example.com"}]})
        found = self.account.list_domains()
        self.assertEqual(len(found), 101)
        self.assertEqual((found[-1].name, found[-1].region), ("last.example.com", "eu"))
        self.assertIn("skip=100", self.mailgun.seen[1].path)

    def test_calls_are_made_for_the_subaccount(self):
        self.mailgun.answer(200, {"items": []})
        self.account.list_domains()
        (seen,) = self.mailgun.seen
        self.assertEqual(seen.headers["X-Mailgun-On-Behalf-Of"], "sub-1")
        self.assertTrue(seen.path.startswith("/eu/v4/domains"))

    def test_dns_records_say_what_they_are_for(self):
        record = {
            "record_type": "TXT",
            "name": "x",
            "value": "v=spf1",
            "valid": "valid",
        }
        cname = {"record_type": "CNAME", "name": "email.x", "value": "mailgun.org"}
        mx = {"record_type": "MX", "priority": "10", "value": "mxa", "valid": "unknown"}
        body = {
            "domain": {"name": DOMAIN, "state": "unverified", "spam_action": "tag"},
            "sending_dns_records": [record, cname, {}],
            "receiving_dns_records": [mx],
        }
        self.mailgun.answer(200, body)
        found = self.account.get_domain(DOMAIN)
        self.assertEqual((found.state, found.spam_action), ("unverified", "tag"))
        self.assertEqual(
            [(one.purpose, one.kind, one.state) for one in found.records],
            [
                ("sending", "TXT", "valid"),
                ("tracking", "CNAME", "unknown"),
                ("sending", "", "unknown"),
                ("receiving", "MX", "unknown"),
            ],
        )

    def purposes(self, *records):
        """Return what Mailgun's records of sending are for."""
        body = {"domain": {"name": DOMAIN}, "sending_dns_records": list(records)}
        self.mailgun.answer(200, body)
        return [one.purpose for one in self.account.get_domain(DOMAIN).records]

    def test_a_key_of_dkim_may_be_a_cname(self):
        keys = [
            {
                "record_type": "CNAME",
                "name": f"pdk{number}._domainkey.{DOMAIN}",
                "value": f"pdk{number}._domainkey.abc.dkim1.mailgun.com",
                "valid": "unknown",
                "is_active": False,
            }
            for number in (1, 2)
        ]
        self.assertEqual(self.purposes(*keys), ["sending", "sending"])
        in_use = {**keys[0], "valid": "valid", "is_active": True}
        self.assertEqual(self.purposes(in_use, keys[1]), ["sending", "spare"])

    def test_a_disabled_domain_says_why_whatever_its_state_is(self):
        disabled = {"reason": "Account is disabled", "until": None}
        about = {"name": DOMAIN, "state": "active", "disabled": disabled}
        self.mailgun.answer(200, {"domain": {**about, "is_disabled": True}})
        found = self.account.get_domain(DOMAIN)
        self.assertEqual(
            (found.state, found.reason), ("disabled", "Account is disabled")
        )

    def test_fields_that_are_null_or_missing_do_no_harm(self):
        for body in (
            {"domain": {}},
            {"domain": {"name": None, "disabled": []}, "sending_dns_records": None},
        ):
            with self.subTest(body=body):
                self.mailgun.answer(200, body)
                self.assertEqual(self.account.get_domain(DOMAIN).records, ())

    def test_routes_come_in_the_order_that_mailgun_looks_at_them(self):
        later = {**ROUTE, "id": "r2", "priority": 9, "actions": ["store()"]}
        self.mailgun.answer(200, {"items": [later, ROUTE]})
        first, second = self.account.list_routes()
        self.assertEqual((first.id, first.stops), ("r1", True))
        self.assertEqual((second.id, second.stops), ("r2", False))

    def test_a_route_is_made_with_all_its_actions(self):
        self.mailgun.answer(200, {"message": "created", "route": ROUTE})
        made = self.account.create_route(
            Route("", "catch_all()", ('forward("https://x/mime")', "stop()"), 3, "Odoo")
        )
        self.assertEqual(made.id, "r1")
        (seen,) = self.mailgun.seen
        self.assertEqual(seen.values("action"), ['forward("https://x/mime")', "stop()"])
        self.assertEqual(seen.values("priority"), ["3"])

    def test_no_route_for_an_address_is_no_error(self):
        self.mailgun.answer(404, {"message": "Route not found"})
        self.assertIsNone(self.account.match_route("a@" + DOMAIN))

    def test_a_missing_thing_is_not_taken_for_a_missing_domain(self):
        self.mailgun.answer(404, {"message": "Route not found"})
        with self.assertRaises(NotThere) as caught:
            self.account.delete_route("r1")
        self.assertNotIn("domain", str(caught.exception))

    def test_a_webhook_is_added_beside_those_of_others(self):
        others = {"delivered": {"urls": ["https://crm.example.com"]}, "opened": None}
        self.mailgun.answer(200, {"webhooks": others})
        self.mailgun.answer(200, {"webhooks": {}})
        full = self.account.add_webhook(DOMAIN, URL, ["delivered", "opened"])
        self.assertEqual(full, [])
        seen = self.mailgun.seen[1]
        self.assertEqual(
            (seen.method, seen.path), ("POST", f"/eu/v4/domains/{DOMAIN}/webhooks")
        )
        self.assertIn(b"event_types=delivered&event_types=opened", seen.body)

    def test_a_webhook_that_lacks_a_type_is_completed(self):
        self.mailgun.answer(200, {"webhooks": {"delivered": {"urls": [URL]}}})
        self.mailgun.answer(200, {"webhooks": {}})
        self.account.add_webhook(DOMAIN, URL, ["delivered", "opened"])
        self.assertEqual(self.mailgun.seen[1].method, "PUT")
        self.assertIn(
            b"event_types=delivered&event_types=opened", self.mailgun.seen[1].body
        )

    def test_a_complete_webhook_is_left_alone(self):
        self.mailgun.answer(200, {"webhooks": {"delivered": {"urls": [URL]}}})
        self.account.add_webhook(DOMAIN, URL, ["delivered"])
        self.assertEqual(len(self.mailgun.seen), 1)

    def test_a_type_with_three_urls_is_reported_and_left_alone(self):
        full = {"urls": ["https://a", "https://b", "https://c"]}
        self.mailgun.answer(200, {"webhooks": {"delivered": full}})
        self.mailgun.answer(200, {"webhooks": {}})
        gaps = self.account.add_webhook(DOMAIN, URL, ["delivered", "opened"])
        self.assertEqual(gaps, ["delivered"])
        self.assertNotIn(b"delivered", self.mailgun.seen[1].body)

    def test_only_our_webhook_is_removed(self):
        urls = ["https://crm.example.com", URL]
        self.mailgun.answer(200, {"webhooks": {"delivered": {"urls": urls}}})
        self.mailgun.answer(200, {"webhooks": {}})
        self.account.remove_webhook(DOMAIN, URL)
        seen = self.mailgun.seen[1]
        self.assertEqual(seen.method, "DELETE")
        self.assertIn(
            "url=https%3A%2F%2Fodoo.example.com%2Fmailgun%2Fevents", seen.path
        )
        self.assertNotIn("crm", seen.path)

    def test_account_webhooks_are_read_by_type(self):
        hooks = [{"url": URL, "event_types": ["delivered", "opened"]}]
        self.mailgun.answer(200, {"webhooks": hooks})
        self.assertEqual(
            self.account.list_account_webhooks(), {"delivered": [URL], "opened": [URL]}
        )
