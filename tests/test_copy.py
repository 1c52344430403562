"""Two databases that were one: a copy, and a database that has moved.

What a copy has is what the original has, so a test turns this database into one: the
domain says that it was confirmed under another name, and Odoo has another address.
"""

import importlib.util
import os
import time
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.modules.module import get_module_path
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import tagged
from odoo.tools import config

from odoo.addons.mail_mailgun.models.domain.provisioning import FINDINGS

from .common import DOMAIN
from .test_connect import ConnectCase
from .test_event_apply import EventCase

ORIGINAL = "https://odoo.example.com"
COPY = "https://copy.example.com"
ROUTE = "/mailgun/inbound/mime"
EVENTS = "/mailgun/events"


class CopyCase(ConnectCase):
    """A domain that is connected, and then found in another database."""

    def setUp(self):
        super().setUp()
        self.domain = self.connect()
        self.route = dict(self.our_route())

    def move_to(self, url):
        """Go on at another address."""
        self.env["ir.config_parameter"].set_param("web.base.url", url)
        self.env.invalidate_all()
        self.mailgun.seen.clear()

    def become_copy(self, url=COPY):
        """Go on as a copy that runs at another address, and is not confirmed yet."""
        self.domain.database_name = "the original"
        self.move_to(url)

    def confirmed_copy(self, url=COPY):
        self.become_copy(url)
        self.domain.action_confirm()

    def webhook_urls(self):
        return {url for urls in self.mailgun.webhooks.values() for url in urls}

    def assert_nothing_was_taken(self):
        self.assertEqual(self.mailgun.routes, [self.route])
        self.assertIn(ORIGINAL + EVENTS, self.webhook_urls())
        self.assertEqual(self.mailgun.spam_action, "tag")

    def assert_mail_goes_to(self, url):
        (route,) = self.mailgun.routes
        self.assertEqual(route["actions"][0], f'forward("{url}{ROUTE}")')
        self.assertEqual(self.webhook_urls(), {url + EVENTS})

    def check_daily(self):
        self.registry_enter_test_mode()
        self.env.flush_all()
        self.env["mailgun.domain"]._check_daily()
        self.env.invalidate_all()


@tagged("post_install", "-at_install")
class TestConfirmedCopy(CopyCase):
    def test_a_copy_takes_nothing_from_production(self):
        self.confirmed_copy()
        self.domain.action_repair()
        self.assert_nothing_was_taken()
        self.assertIn(COPY + EVENTS, self.webhook_urls())

    def test_a_copy_that_is_connected_again_takes_nothing(self):
        self.become_copy()
        self.connect()
        self.assert_nothing_was_taken()

    def test_a_copy_that_is_disconnected_takes_nothing(self):
        self.confirmed_copy()
        self.domain.action_repair()
        self.domain.action_disconnect()
        self.assert_nothing_was_taken()
        self.assertEqual(self.webhook_urls(), {ORIGINAL + EVENTS})

    def test_a_copy_at_the_same_address_takes_nothing(self):
        self.confirmed_copy(url=ORIGINAL)
        self.domain.action_repair()
        self.domain.action_disconnect()
        self.assert_nothing_was_taken()

    def test_a_domain_that_was_made_anew_takes_its_route_over_when_told_so(self):
        self.domain.write({"identity": "of the new one", "footprint": False})
        self.domain.action_repair()
        self.assertIn("by an earlier set-up", self.domain.route_trouble)
        self.assertEqual(self.mailgun.routes, [self.route])
        self.domain.action_take_over()
        self.assertFalse(self.domain.route_trouble)

    def test_a_neutralized_copy_that_is_connected_takes_nothing(self):
        self.env.flush_all()
        for query in get_neutralization_queries(["mail_mailgun"]):
            self.env.cr.execute(query)
        self.move_to(COPY)
        self.assertFalse(any(self.domain.read(FINDINGS)[0][name] for name in FINDINGS))
        self.connect()
        self.domain.action_repair()
        self.domain.action_disconnect()
        self.assert_nothing_was_taken()

    def test_where_the_mail_goes_is_named_with_what_to_do(self):
        self.confirmed_copy()
        self.assertEqual(self.line(self.domain, "Route").level, "info")
        self.domain.action_repair()
        found = self.line(self.domain, "Route")
        self.assertEqual(found.level, "warning")
        self.assertIn(ORIGINAL + ROUTE, found.text)
        self.assertIn(COPY + ROUTE, found.text)
        self.assertIn("Take Over", found.remedy)
        self.check_daily()
        self.assertIn(ORIGINAL + ROUTE, self.line(self.domain, "Route").text)

    def test_confirm_forgets_what_neutralizing_forgets(self):
        self.domain.is_marketing = True
        unsubscribes = self.env["mailgun.unsubscribe"]
        unsubscribes._note(self.domain, ["anna@example.org"], is_ours=True)
        identity = self.domain.identity
        self.confirmed_copy()
        values = self.domain.read(FINDINGS)[0]
        self.assertEqual([name for name in FINDINGS if values[name]], [])
        self.assertNotEqual(self.domain.identity, identity)
        self.assertFalse(self.domain.is_marketing)
        self.assertFalse(unsubscribes.search([]))

    def test_what_odoo_has_for_the_domain_is_the_copys_own(self):
        self.confirmed_copy()
        server = self.domain.mail_server_ids
        self.domain.action_disconnect()
        self.assertFalse(server.exists())

    def test_mail_that_came_to_production_is_not_fetched(self):
        self.confirmed_copy()
        self.registry_enter_test_mode()
        self.mailgun.stored = lambda: {"body-mime": "Subject: Hi\r\n\r\nHello\r\n"}
        self.mailgun.events = [
            {
                "id": "e1",
                "event": "stored",
                "timestamp": time.time(),
                "message": {"recipients": [f"people@{DOMAIN}"]},
                "storage": {"url": f"{self.mailgun.url}/v3/domains/x/messages/key"},
            }
        ]
        with self.assertRaisesRegex(UserError, "goes to another database"):
            self.domain.incoming_server_ids.fetch_mail()
        self.assertFalse(self.env["mailgun.inbound.email"].search([]))

    def test_confirm_in_the_original_changes_nothing(self):
        before = self.domain.read(["identity", *FINDINGS])
        self.domain.action_draft()
        self.domain.action_confirm()
        self.assertEqual(self.domain.read(["identity", *FINDINGS]), before)
        self.domain.action_disconnect()
        self.assertEqual(self.mailgun.routes, [])

    def test_a_route_made_by_hand_for_another_odoo_is_left_alone(self):
        self.route = {**self.route, "description": "made by hand"}
        self.mailgun.routes = [self.route]
        self.confirmed_copy()
        self.domain.action_repair()
        self.assert_nothing_was_taken()


@tagged("post_install", "-at_install")
class TestMovedOrCopied(CopyCase):
    """A database under the same name at another address may be either."""

    def test_repair_leaves_what_leads_elsewhere_and_asks(self):
        self.move_to(COPY)
        self.domain.action_repair()
        self.assertEqual(self.mailgun.changes(), [])
        for title in ("Route", "Webhooks"):
            found = self.line(self.domain, title)
            self.assertEqual(found.level, "error")
            self.assertIn(ORIGINAL, found.text)
            self.assertIn(COPY, found.text)
            self.assertIn("Take Over", found.remedy)
        self.assertTrue(self.domain.leads_elsewhere)

    def test_disconnect_leaves_it_and_says_so(self):
        self.move_to(COPY)
        with self.assertRaisesRegex(UserError, "Take Over first"):
            self.domain.action_disconnect()
        self.assertEqual(self.mailgun.changes(), [])

    def test_confirming_anew_takes_nothing(self):
        self.move_to(COPY)
        self.domain.action_draft()
        self.domain.action_confirm()
        self.domain.action_repair()
        self.assert_nothing_was_taken()

    def test_a_database_that_has_moved_takes_over(self):
        identity = self.domain.identity
        self.move_to(COPY)
        self.domain.action_take_over()
        self.assert_mail_goes_to(COPY)
        self.assertNotEqual(self.domain.identity, identity)
        self.assertIn(identity, self.domain._identities())
        self.assertFalse(self.domain.leads_elsewhere)
        self.assertEqual(self.line(self.domain, "Route").level, "ok")
        self.domain.action_disconnect()
        self.assertEqual((self.mailgun.routes, self.webhook_urls()), ([], set()))

    def test_a_successor_under_another_name_takes_over(self):
        identity = self.domain.identity
        self.become_copy()
        self.domain.action_take_over()
        self.assert_mail_goes_to(COPY)
        self.assertNotEqual(self.domain.identity, identity)
        self.assertIn(identity, self.domain._identities())
        self.assertFalse(self.domain.is_foreign)

    def test_a_confirmed_copy_can_still_take_over(self):
        self.confirmed_copy()
        self.domain.action_repair()
        self.domain.action_take_over()
        (route,) = self.mailgun.routes
        self.assertIn(COPY, route["actions"][0])
        self.assertIn(self.domain.identity, route["description"])
        self.assertEqual(self.line(self.domain, "Route").level, "ok")

    def test_a_clone_that_is_called_a_copy_owns_nothing_any_more(self):
        self.move_to(COPY)
        self.domain.action_repair()
        self.domain.action_become_copy()
        self.domain.action_repair()
        self.domain.action_disconnect()
        self.assert_nothing_was_taken()

    def test_another_scheme_or_path_of_this_host_is_repaired_at_once(self):
        self.our_route()["actions"][0] = 'forward("http://odoo.example.com/old")'
        self.domain.action_repair()
        self.assert_mail_goes_to(ORIGINAL)

    def test_addresses_that_are_no_urls_break_nothing(self):
        for url in ("https://[", "https://", "//", "https:///x"):
            self.our_route()["actions"] = [f'forward("{url}")']
            self.domain.action_repair()
            self.assertIn(self.line(self.domain, "Route").level, ("ok", "error"))

    def test_two_servers_with_their_own_data_are_one_database(self):
        before = self.domain.identity
        with patch.dict(config.options, {"data_dir": "/nonexistent/of/another"}):
            self.env.invalidate_all()
            self.mailgun.seen.clear()
            self.assertFalse(self.domain.is_foreign)
            self.domain.action_repair()
            self.domain.action_confirm()
        self.assertEqual(self.mailgun.changes(), [])
        self.assertEqual(self.domain.identity, before)


@tagged("post_install", "-at_install")
class TestEventsOfACopy(EventCase):
    """The same mails are in both databases, and both are told of all events."""

    def test_events_of_production_are_not_applied_in_a_copy(self):
        mail = self.sent()
        bounce = self.bounce(mail)
        self.domain.database_name = "the original"
        self.domain.action_confirm()
        self.apply()
        self.assertEqual((bounce.state, self.rows(mail).state), ("ignored", "accepted"))

    def test_events_of_a_copy_are_not_applied_in_production(self):
        mail = self.sent()
        bounce = self.bounce(mail, **{"user-variables": {"odoo": "copy.1a2b"}})
        self.apply()
        self.assertEqual((bounce.state, self.rows(mail).state), ("ignored", "accepted"))

    def test_a_mark_of_ours_that_no_row_has_any_more_still_finds_the_message(self):
        mail = self.sent()
        mark = f"{self.domain.identity}.gone"
        self.bounce(mail, **{"user-variables": {"odoo": mark}})
        self.apply()
        self.assertEqual(self.rows(mail).state, "bounced")

    def test_events_of_mail_under_way_are_applied_after_taking_over(self):
        mail = self.sent()
        self.bounce(mail)
        self.domain.database_name = "the original"
        self.domain.action_take_over()
        self.apply()
        self.assertEqual(self.rows(mail).state, "bounced")

    def test_what_was_missed_by_others_is_not_fetched(self):
        mail = self.sent()
        row = self.rows(mail)
        item = {"id": "e1", "event": "opened", "message": {"headers": {}}}
        item["message"]["headers"]["message-id"] = row.message_id
        for mark, count in ((row.reference, 1), ("copy.1a2b", 0)):
            item["user-variables"] = {"odoo": mark}
            found = self.events._recover(self.domain, [item], set())
            _unknown, ours, _missing = found
            self.assertEqual(ours, count, mark)


@tagged("post_install", "-at_install")
class TestDailyCheckOfPlaces(CopyCase):
    """Production, when somebody has led its mail or its events away."""

    def test_a_route_that_leads_elsewhere_is_told(self):
        self.our_route()["actions"][0] = f'forward("{COPY}{ROUTE}")'
        self.check_daily()
        found = self.line(self.domain, "Route")
        self.assertEqual(found.level, "error")
        self.assertIn(COPY + ROUTE, found.text)
        self.assertTrue(self.domain.activity_ids)

    def test_a_route_that_another_database_took_over_is_told(self):
        route = self.our_route()
        route["actions"][0] = f'forward("{COPY}{ROUTE}")'
        route["description"] = f"Odoo: mail for {DOMAIN} (database another)"
        self.check_daily()
        found = self.line(self.domain, "Route")
        self.assertEqual(found.level, "error")
        self.assertIn(COPY + ROUTE, found.text)
        self.domain.action_take_over()
        self.assert_mail_goes_to(ORIGINAL)

    def test_a_route_that_does_not_forward_any_more_is_told_and_repaired(self):
        self.our_route()["actions"] = ["store()"]
        self.check_daily()
        self.assertIn("does not forward", self.line(self.domain, "Route").text)
        self.domain.action_repair()
        self.assert_mail_goes_to(ORIGINAL)

    def test_webhooks_that_tell_somebody_else_are_told_and_repaired(self):
        self.mailgun.webhooks = {"opened": [COPY + EVENTS]}
        self.check_daily()
        found = self.line(self.domain, "Webhooks")
        self.assertEqual(found.level, "error")
        self.assertIn("does not tell this database of: accepted", found.text)
        self.domain.action_repair()
        self.assertEqual(self.line(self.domain, "Webhooks").level, "ok")

    def test_it_is_quiet_again_when_things_are_as_they_were(self):
        route = self.our_route()
        actions = list(route["actions"])
        route["actions"] = [f'forward("{COPY}{ROUTE}")']
        self.check_daily()
        route["actions"] = actions
        self.domain.with_env(self.env)._check_alone()
        self.env.invalidate_all()
        self.assertEqual(self.line(self.domain, "Route").level, "ok")

    def test_a_route_for_the_alias_domain_counts_as_well(self):
        self.domain.alias_domain_id = self.env["mail.alias.domain"].create(
            {"name": "inbox.example.com"}
        )
        self.check_daily()
        self.assertIn("inbox.example.com", self.line(self.domain, "Route").text)


@tagged("post_install", "-at_install")
class TestUpgradeOfIdentity(CopyCase):
    """A database of 19.0.1.0.0, which had no identity but its UUID and its name."""

    def setUp(self):
        super().setUp()
        uuid, name = self.domain._database_identity()
        self.our_route()["description"] = f"Odoo: mail for {DOMAIN} (database {uuid})"
        self.route = dict(self.our_route())
        together = {**self.domain.footprint, **self.domain.odoo_footprint}
        self.domain.write(
            {"identity": False, "footprint": together, "odoo_footprint": False}
        )

    def upgrade(self):
        self.env.flush_all()
        file = "migrations/19.0.1.1.0/post-identity.py"
        path = os.path.join(get_module_path("mail_mailgun"), file)
        spec = importlib.util.spec_from_file_location("post_identity", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.migrate(self.env.cr, "19.0.1.0.0")
        self.env.invalidate_all()

    def test_the_original_still_owns_its_route(self):
        self.upgrade()
        self.check_daily()
        self.assertEqual(self.line(self.domain, "Route").level, "ok")
        self.domain.action_disconnect()
        self.assertEqual((self.mailgun.routes, self.webhook_urls()), ([], set()))
        self.assertFalse(self.domain.mail_server_ids)

    def test_repair_marks_the_route_anew(self):
        self.upgrade()
        self.domain.action_repair()
        self.assertIn(self.domain.identity, self.our_route()["description"])
        self.assertNotIn(self.domain.database_uuid, self.our_route()["description"])

    def test_a_copy_from_before_does_not(self):
        self.become_copy()
        self.upgrade()
        self.domain.action_confirm()
        self.domain.action_repair()
        self.domain.action_disconnect()
        self.assert_nothing_was_taken()

    def test_a_copy_from_afterwards_does_not(self):
        self.upgrade()
        self.confirmed_copy()
        self.domain.action_repair()
        self.domain.action_disconnect()
        self.assert_nothing_was_taken()

    def test_a_copy_that_was_confirmed_before_does_not(self):
        self.upgrade()
        self.move_to(COPY)
        self.domain.action_repair()
        self.assert_nothing_was_taken()

    def test_mail_under_way_keeps_its_mark(self):
        uuid, name = self.domain._database_identity()
        # What 19.0.1.0.0 has put before the dot: sha256 of uuid/name, 12 digits.
        self.env.cr.execute(
            "SELECT left(encode(sha256(%s), 'hex'), 12)", [f"{uuid}/{name}".encode()]
        )
        (mark,) = self.env.cr.fetchone()
        self.upgrade()
        self.assertEqual(self.domain.identity, mark)
