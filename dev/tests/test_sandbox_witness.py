"""Mailgun's own Python client, as a witness: what it cannot do here is our fault."""

import contextlib
import json
import unittest
import warnings

from mailgun_sandbox.traffic.signing import sign
from workbench.conformance import local

try:
    from mailgun.client import Client
    from mailgun.security import SecurityGuard
except ImportError:
    Client = None

HOOK = "https://example.com/mailgun/events"
RECIPIENT = "customer@example.org"


@unittest.skipUnless(
    Client, "Mailgun's client is not installed (Python 3.11 and later)"
)
class TestWitness(unittest.TestCase):
    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        target = stack.enter_context(local.account())
        self.domain = target.domain
        # It warns of what Mailgun has left behind, Events for example.
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        self.client = stack.enter_context(
            Client(auth=("api", target.key), api_url=target.url)
        )

    def ok(self, response, status=200):
        """Return the JSON of an answer that must have a status."""
        self.assertEqual(response.status_code, status, response.text)
        return response.json()

    def send(self, **more):
        form = {
            "from": f"sales@{self.domain}",
            "to": RECIPIENT,
            "subject": "Our offer",
            "text": "Hello",
            **more,
        }
        return self.ok(self.client.messages.create(data=form, domain=self.domain))

    def test_messages_are_sent_by_fields_and_as_mime(self):
        self.assertTrue(self.send()["id"].startswith("<"))
        mime = f"From: sales@{self.domain}\r\nTo: {RECIPIENT}\r\n\r\nHello\r\n".encode()
        answer = self.client.mimemessage.create(
            data={"to": RECIPIENT},
            files={"message": ("mail.mime", mime)},
            domain=self.domain,
        )
        self.assertEqual(self.ok(answer)["message"], "Queued. Thank you.")
        refused = self.client.messages.create(
            data={"from": f"sales@{self.domain}"}, domain=self.domain
        )
        self.assertEqual(refused.status_code, 400)

    def test_domains_are_read_verified_and_changed(self):
        found = self.ok(self.client.domainlist.get())
        self.assertEqual([one["name"] for one in found["items"]], [self.domain])
        about = self.ok(self.client.domains.get(domain=self.domain))
        self.assertEqual(about["domain"]["state"], "active")
        self.assertTrue(about["sending_dns_records"])
        verified = self.ok(self.client.domains.put(domain=self.domain, verify=True))
        self.assertEqual(verified["message"], "Domain DNS records have been updated")
        form = {"spam_action": "tag"}
        changed = self.ok(self.client.domains.put(domain=self.domain, data=form))
        self.assertEqual(changed["domain"]["spam_action"], "tag")

    def test_routes_are_made_listed_matched_changed_and_deleted(self):
        form = {
            "priority": 0,
            "description": "a route",
            "expression": f"match_recipient('.*@{self.domain}')",
            "action": ["forward('https://example.com/mime')", "stop()"],
        }
        made = self.ok(self.client.routes.create(data=form))["route"]
        self.assertEqual(len(made["actions"]), 2)
        listed = self.ok(self.client.routes.get(filters={"skip": 0, "limit": 1}))
        self.assertEqual(listed["total_count"], 1)
        query = {"address": f"a@{self.domain}"}
        found = self.ok(self.client.routes_match.get(filters=query))
        self.assertEqual(found["route"]["id"], made["id"])
        form["priority"] = 2
        changed = self.client.routes.put(data=form, route_id=made["id"])
        self.assertEqual(self.ok(changed)["priority"], 2)
        gone = self.ok(self.client.routes.delete(route_id=made["id"]))
        self.assertEqual(gone["message"], "Route has been deleted")

    def test_webhooks_are_made_read_and_deleted(self):
        hooks = self.client.domains_webhooks
        form = {"id": "clicked", "url": HOOK}
        self.ok(hooks.create(domain=self.domain, data=form))
        found = self.ok(hooks.get(domain=self.domain))["webhooks"]
        self.assertEqual(found["clicked"]["urls"], [HOOK])
        self.ok(hooks.delete(domain=self.domain, webhook_name="clicked"))

    def test_webhooks_of_the_account_are_made_and_listed(self):
        form = {"url": HOOK, "event_types": "delivered", "description": "a hook"}
        made = self.client.account_webhooks.create(data=form)
        self.assertTrue(made.ok, made.text)
        found = self.ok(self.client.account_webhooks.get())["webhooks"]
        self.assertEqual([one["url"] for one in found], [HOOK])

    def test_addresses_are_put_on_lists_found_and_taken_off(self):
        for name in ("bounces", "complaints", "unsubscribes"):
            with self.subTest(name):
                suppressed = getattr(self.client, name)
                which = {f"{name[:-1]}_address": RECIPIENT}
                form = {"address": RECIPIENT}
                self.ok(suppressed.create(data=form, domain=self.domain))
                listed = self.ok(suppressed.get(domain=self.domain))["items"]
                self.assertEqual([one["address"] for one in listed], [RECIPIENT])
                one = self.ok(suppressed.get(domain=self.domain, **which))
                self.assertEqual(one["address"], RECIPIENT)
                self.ok(suppressed.delete(domain=self.domain, **which))
                missing = suppressed.get(domain=self.domain, **which)
                self.assertEqual(missing.status_code, 404)

    def test_several_are_put_on_a_list_at_once(self):
        entries = [{"address": f"{n}@example.org", "tags": ["*"]} for n in range(3)]
        answer = self.client.unsubscribes.create(
            data=json.dumps(entries),
            domain=self.domain,
            headers={"Content-Type": "application/json"},
        )
        self.assertIn("3 addresses", self.ok(answer)["message"])

    def test_events_and_the_mail_that_they_tell_of_are_read(self):
        sent = self.send(**{"v:odoo": "mark"})
        query = {"message-id": sent["id"].strip("<>"), "event": "accepted"}
        (event,) = self.ok(self.client.events.get(domain=self.domain, filters=query))[
            "items"
        ]
        self.assertEqual(event["user-variables"], {"odoo": "mark"})
        # To read it, this client has no way that works; to send it again it has.
        again = self.client.resend_message.create(
            data={"to": "other@example.org"},
            domain=self.domain,
            storage_url=event["storage"]["url"],
        )
        self.assertEqual(self.ok(again)["message"], "Queued. Thank you.")

    def test_logs_are_read(self):
        self.send()
        value = {"label": self.domain, "value": self.domain}
        condition = {"attribute": "domain", "comparator": "=", "values": [value]}
        query = {
            "filter": {"AND": [condition]},
            "include_subaccounts": True,
            "pagination": {"sort": "timestamp:asc", "limit": 50},
        }
        answer = self.client.analytics_logs.create(
            data=json.dumps(query), headers={"Content-Type": "application/json"}
        )
        kinds = [one["event"] for one in self.ok(answer)["items"]]
        self.assertEqual(kinds, ["accepted", "delivered"])

    def test_posts_are_signed_as_it_checks_them(self):
        key = "signing-key"
        self.assertTrue(SecurityGuard.verify_webhook(key, **sign(key)))
        self.assertFalse(SecurityGuard.verify_webhook("another", **sign(key)))

    def test_a_wrong_key_is_found_out(self):
        with Client(auth=("api", "wrong"), api_url=self.client.config.api_url) as wrong:
            self.assertEqual(wrong.domainlist.get().status_code, 401)
            self.assertFalse(wrong.ping())
        self.assertTrue(self.client.ping())
