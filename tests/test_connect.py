import os
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from odoo.addons.mail_mailgun.const import API_URL_VARIABLE, WEBHOOK_TYPES
from odoo.addons.mail_mailgun.models.domain import preview
from odoo.addons.mail_mailgun.models.inbound import reach

from .common import API_KEY, DOMAIN
from .connected_mailgun import ConnectedMailgun

FOREIGN = {
    "id": "crm",
    "priority": 5,
    "description": "CRM",
    "expression": 'match_recipient("crm@mail.example.com")',
    "actions": ['forward("https://crm.example.com")', "stop()"],
}
HEX = "0123456789abcdef" * 2


class ConnectCase(TransactionCase):
    """An empty database, and an account at Mailgun."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(
            patch.dict(os.environ, {"MAILGUN_SECRET_KEY": "master key of the tests"})
        )
        cls.env["ir.config_parameter"].set_param(
            "web.base.url", "https://odoo.example.com"
        )
        cls.env.company.alias_domain_id = False
        # As if a server ran scheduled actions, which a test's does not.
        for name in ("ir_cron_events", "ir_cron_inbound_queue"):
            cron = cls.env.ref(f"mail_mailgun.{name}")
            cron.nextcall = fields.Datetime.now() + timedelta(hours=1)

    def setUp(self):
        super().setUp()
        self.mailgun = ConnectedMailgun()
        self.enterContext(self.mailgun.running())
        # No test depends on what the DNS of the world says today.
        self.enterContext(patch.object(preview, "look_up", lambda _names: {}))
        self.enterContext(patch.object(reach, "probe", lambda _url: None))

    def wizard(self, **values):
        wizards = self.env["mailgun.connect"]
        return wizards.create({"api_key": API_KEY, **values})

    def connect(self, **values):
        """Run the wizard to its end; return the domain."""
        wizard = self.wizard(**values)
        wizard.action_find_domains()
        return self.finish(wizard)

    def finish(self, wizard):
        action = wizard.action_connect()
        return self.env["mailgun.domain"].browse(action["res_id"])

    def our_route(self):
        (route,) = [one for one in self.mailgun.routes if one["id"] != "crm"]
        return route

    def line(self, domain, title):
        (found,) = [one for one in domain._health_lines() if one.title == title]
        return found


@tagged("post_install", "-at_install")
class TestConnect(ConnectCase):
    def test_an_api_key_is_all_that_it_takes(self):
        domain = self.connect()
        self.assertEqual((domain.name, domain.state), (DOMAIN, "ready"))
        secret = domain._get_secret("webhook_signing_key")
        self.assertEqual(secret, "signing-key-of-the-account")
        self.assertEqual(domain.mail_server_ids.from_filter, DOMAIN)
        self.assertEqual(domain.mail_server_ids.max_email_size, 25)
        self.assertEqual(domain.incoming_server_ids.state, "done")
        self.assertEqual(self.env.company.alias_domain_id.name, DOMAIN)
        self.assertEqual(self.mailgun.spam_action, "tag")
        self.assertEqual(domain.user_id, self.env.ref("base.user_admin"))

    def test_the_route_forwards_the_mail_as_it_is(self):
        self.connect()
        route = self.our_route()
        self.assertEqual(route["expression"], f'match_recipient(".*@{DOMAIN}")')
        self.assertEqual(
            route["actions"],
            [
                'forward("https://odoo.example.com/mailgun/inbound/mime")',
                "store()",
                "stop()",
            ],
        )

    def test_webhooks_of_all_types_lead_here(self):
        self.connect()
        url = "https://odoo.example.com/mailgun/events"
        self.assertEqual(self.mailgun.webhooks, {kind: [url] for kind in WEBHOOK_TYPES})

    def test_dns_records_are_shown(self):
        records = self.connect().dns_record_ids.sorted()
        self.assertEqual(
            records.mapped(lambda one: (one.purpose, one.kind, one.name, one.state)),
            [
                ("receiving", "MX", DOMAIN, "valid"),
                ("sending", "TXT", "x", "valid"),
                ("tracking", "CNAME", "email.x", "unknown"),
            ],
        )

    def test_the_key_is_closed_even_in_the_wizard(self):
        wizard = self.wizard()
        self.env.flush_all()
        self.env.cr.execute("SELECT * FROM mailgun_connect WHERE id = %s", [wizard.id])
        self.assertNotIn(API_KEY, str(self.env.cr.fetchall()))
        self.assertFalse(wizard.read(["api_key"])[0]["api_key"])

    # --- which key, which region -----------------------------------------------------

    def test_the_other_region_is_found_and_said(self):
        self.mailgun.domains = {"us": [], "eu": [DOMAIN]}
        wizard = self.wizard()
        wizard.action_find_domains()
        self.assertEqual(wizard.region, "eu")
        self.assertIn("European Union", wizard.notice)
        self.assertEqual(self.finish(wizard).region, "eu")

    def test_a_domain_for_customers_is_proposed_before_the_sandbox_domain(self):
        self.mailgun.domains["us"] = ["sandbox12.mailgun.org", DOMAIN]
        wizard = self.wizard()
        wizard.action_find_domains()
        self.assertEqual(wizard.choice_id.name, DOMAIN)

    def test_an_account_without_domains_says_where_to_add_one(self):
        self.mailgun.domains["us"] = []
        wizard = self.wizard()
        wizard.action_find_domains()
        self.assertIn("Add one", wizard.notice)
        with self.assertRaisesRegex(UserError, "Choose the domain"):
            wizard.action_connect()

    def refuse_key(self, times):
        for _call in range(times):
            self.mailgun.answer(401, {"message": "Invalid private key"})

    def test_the_signing_key_as_api_key_is_recognised(self):
        self.refuse_key(2)
        with self.assertRaisesRegex(UserError, "shape of the webhook signing key"):
            self.wizard(api_key=HEX).action_find_domains()

    def test_a_wrong_key_is_named_with_mailguns_words(self):
        self.refuse_key(2)
        with self.assertRaisesRegex(UserError, "neither region .Invalid private key"):
            self.wizard(api_key=f"key-{HEX}").action_find_domains()

    def test_a_sending_key_sets_up_what_it_can(self):
        self.refuse_key(2)
        self.mailgun.answer(400, {"message": "to parameter is missing"})
        domain = self.connect(sending_domain=DOMAIN)
        self.assertEqual(domain.key_kind, "sending")
        self.assertEqual(domain.mail_server_ids.from_filter, DOMAIN)
        self.assertEqual(self.mailgun.routes, [])
        self.assertIn("by hand", self.line(domain, "API key").remedy)

    def test_keys_in_the_wrong_fields_are_warned_of(self):
        domains = self.env["mailgun.domain"]
        for values, words in (
            ({"api_key": HEX}, "shape of the webhook signing key"),
            (
                {"webhook_signing_key": f"{HEX}-12345678-12345678"},
                "shape of an API key",
            ),
        ):
            warning = domains.onchange(values, list(values), dict.fromkeys(values, {}))
            self.assertIn(words, warning["warning"]["message"])
        # Keys of both kinds come as "key-…", so that says nothing.
        for name in ("api_key", "webhook_signing_key"):
            right = {name: f"key-{HEX}"}
            found = domains.onchange(right, [name], {name: {}})
            self.assertNotIn("warning", found)

    def test_test_connection_finds_the_other_region(self):
        domain = self.connect()
        self.mailgun.domains = {"us": [], "eu": [DOMAIN]}
        shown = domain.action_test_connection()["params"]
        self.assertIn("choose European Union", shown["message"])

    # --- a second time ---------------------------------------------------------------

    def test_connecting_again_doubles_nothing(self):
        self.connect()
        domain = self.connect()
        self.our_route()
        self.assertEqual(len(domain.mail_server_ids), 1)
        self.assertEqual(len(domain.incoming_server_ids), 1)
        aliases = self.env["mail.alias.domain"].search([("name", "=", DOMAIN)])
        self.assertEqual(len(aliases), 1)

    def test_repair_changes_nothing_that_is_right(self):
        domain = self.connect()
        self.mailgun.seen.clear()
        domain.action_repair()
        self.assertEqual(self.mailgun.changes(), [])

    def test_repair_brings_back_what_is_missing_or_wrong(self):
        domain = self.connect()
        self.our_route()["actions"] = ['forward("https://odoo.example.com/wrong")']
        self.mailgun.webhooks = {}
        domain.action_repair()
        self.assertIn("stop()", self.our_route()["actions"])
        self.assertEqual(set(self.mailgun.webhooks), set(WEBHOOK_TYPES))

    def test_a_new_public_address_moves_route_and_webhooks(self):
        domain = self.connect()
        domain.public_url = "https://new.example.com"
        domain.action_take_over()
        self.assertIn("https://new.example.com", self.our_route()["actions"][0])
        urls = {url for urls in self.mailgun.webhooks.values() for url in urls}
        self.assertEqual(urls, {"https://new.example.com/mailgun/events"})

    def test_an_alias_domain_of_another_name_is_routed_too(self):
        domain = self.connect()
        domain.alias_domain_id.name = "inbox.example.com"
        domain.action_repair()
        self.assertEqual(
            self.our_route()["expression"],
            f'match_recipient(".*@(inbox.example.com|{DOMAIN})")',
        )

    # --- what belongs to others ------------------------------------------------------

    def test_routes_and_webhooks_of_others_are_not_touched(self):
        self.mailgun.routes = [dict(FOREIGN)]
        self.mailgun.webhooks = {"delivered": ["https://crm.example.com"]}
        domain = self.connect()
        domain.action_disconnect()
        self.assertEqual(self.mailgun.routes, [FOREIGN])
        found = {kind: urls for kind, urls in self.mailgun.webhooks.items() if urls}
        self.assertEqual(found, {"delivered": ["https://crm.example.com"]})

    def test_a_route_of_another_database_is_not_touched(self):
        domain = self.connect()
        other = {**self.our_route(), "id": "copy"}
        other["description"] = f"Odoo: mail for {DOMAIN} (database other)"
        other["actions"] = ['forward("https://staging.example.com/mailgun/inbound")']
        self.mailgun.routes.append(other)
        domain.action_repair()
        domain.action_disconnect()
        self.assertEqual(self.mailgun.routes, [other])

    def test_what_was_made_by_hand_is_recognised_and_stays(self):
        by_hand = self.our_route_after_connect()
        self.mailgun.routes = [{**by_hand, "description": "made by hand"}]
        url = "https://odoo.example.com/mailgun/events"
        self.mailgun.webhooks = {kind: [url] for kind in WEBHOOK_TYPES}
        domain = self.connect()
        self.assertEqual(self.line(domain, "Route").level, "ok")
        domain.action_disconnect()
        self.assertEqual(len(self.mailgun.routes), 1)
        self.assertEqual(self.mailgun.webhooks["opened"], [url])

    def our_route_after_connect(self):
        """Connect, take everything back, and return the route there was."""
        domain = self.connect()
        route = self.our_route()
        domain.action_disconnect()
        return route

    def test_a_route_that_takes_the_mail_first_is_named(self):
        catch_all = {**FOREIGN, "priority": -1, "expression": "catch_all()"}
        self.mailgun.routes = [catch_all]
        domain = self.connect()
        found = self.line(domain, "Route")
        self.assertEqual(found.level, "error")
        self.assertIn("catch_all()", found.text)

    def test_a_fourth_url_is_not_forced_in(self):
        self.mailgun.webhooks = {"opened": ["https://a", "https://b", "https://c"]}
        domain = self.connect()
        found = self.line(domain, "Webhooks")
        self.assertEqual(found.level, "error")
        self.assertIn("three URLs", found.text)
        self.assertIn("opened", found.text)

    def test_a_webhook_of_the_account_is_enough(self):
        url = "https://odoo.example.com/mailgun/events"
        types = list(WEBHOOK_TYPES)
        self.mailgun.account_webhooks = [{"url": url, "event_types": types}]
        self.connect()
        self.assertEqual(self.mailgun.webhooks, {})

    # --- taking back -----------------------------------------------------------------

    def test_disconnect_removes_exactly_what_was_created(self):
        domain = self.connect()
        servers = domain.mail_server_ids, domain.incoming_server_ids
        alias_domain = domain.alias_domain_id
        domain.action_disconnect()
        self.assertEqual(self.mailgun.routes, [])
        self.assertFalse(any(self.mailgun.webhooks.values()))
        self.assertEqual(self.mailgun.spam_action, "disabled")
        self.assertFalse(any(one.exists() for one in (*servers, alias_domain)))
        self.assertFalse(self.env.company.alias_domain_id)
        self.assertEqual(domain.state, "draft")
        self.assertFalse(domain.footprint)

    def test_disconnect_leaves_what_was_there_before(self):
        alias_domain = self.env["mail.alias.domain"].create({"name": DOMAIN})
        self.env.company.alias_domain_id = alias_domain
        self.mailgun.spam_action = "block"
        domain = self.connect()
        domain.action_disconnect()
        self.assertEqual(self.env.company.alias_domain_id, alias_domain)
        self.assertEqual(self.mailgun.spam_action, "block")

    def test_an_alias_domain_in_use_stays(self):
        domain = self.connect()
        alias_domain = domain.alias_domain_id
        self.env["mail.alias"].create(
            {
                "alias_name": "people",
                "alias_domain_id": alias_domain.id,
                "alias_model_id": self.env["ir.model"]._get_id("res.partner"),
            }
        )
        domain.action_disconnect()
        self.assertTrue(alias_domain.exists())

    def test_an_existing_mail_server_is_used_and_not_removed(self):
        server = self.env["ir.mail_server"].create({"name": "Old", "smtp_host": "x"})
        wizard = self.wizard()
        wizard.action_find_domains()
        wizard.mail_server_id = server
        domain = self.finish(wizard)
        self.assertEqual(domain.mail_server_ids, server)
        domain.action_disconnect()
        self.assertTrue(server.exists())

    def test_another_alias_domain_of_the_company_is_kept_unless_asked(self):
        current = self.env["mail.alias.domain"].create({"name": "old.example.com"})
        self.env.company.alias_domain_id = current
        self.connect()
        self.assertEqual(self.env.company.alias_domain_id, current)
        wizard = self.wizard()
        wizard.action_find_domains()
        wizard.use_for_company = True
        domain = self.finish(wizard)
        self.assertEqual(self.env.company.alias_domain_id.name, DOMAIN)
        domain.action_disconnect()
        self.assertEqual(self.env.company.alias_domain_id, current)

    # --- aliases ---------------------------------------------------------------------

    def alias(self, name, alias_domain):
        values = {
            "alias_name": name,
            "alias_domain_id": alias_domain.id,
            "alias_model_id": self.env["ir.model"]._get_id("res.partner"),
        }
        return self.env["mail.alias"].create(values)

    def test_connect_restores_what_disconnect_moved_beside_a_second_alias_domain(self):
        alias = self.alias("people", self.env["mail.alias.domain"])
        domain = self.connect()
        self.assertEqual(alias.alias_full_name, f"people@{DOMAIN}")
        self.env["mail.alias.domain"].create({"name": "second.example.com"})
        domain.action_disconnect()
        self.assertFalse(alias.alias_domain_id)
        self.connect()
        self.assertEqual(alias.alias_full_name, f"people@{DOMAIN}")
        self.assertEqual(self.env.company.alias_domain_id.name, DOMAIN)

    def test_what_somebody_moved_after_disconnect_stays_there(self):
        alias = self.alias("people", self.env["mail.alias.domain"])
        domain = self.connect()
        second = self.env["mail.alias.domain"].create({"name": "second.example.com"})
        domain.action_disconnect()
        alias.alias_domain_id = second
        self.connect()
        self.assertEqual(alias.alias_domain_id, second)

    def connect_beside(self, move_aliases=None):
        """Connect a domain for a company that has another one; return an alias."""
        old = self.env["mail.alias.domain"].create({"name": "old.example.com"})
        self.env.company.alias_domain_id = old
        alias = self.alias("people", old)
        wizard = self.wizard()
        wizard.action_find_domains()
        wizard.use_for_company = True
        self.assertTrue(wizard.alias_count)
        if move_aliases is not None:
            self.assertTrue(wizard.move_aliases)
            wizard.move_aliases = move_aliases
        return alias, self.finish(wizard)

    def test_the_companys_aliases_move_with_it_and_back(self):
        alias, domain = self.connect_beside(move_aliases=True)
        self.assertEqual(alias.alias_full_name, f"people@{DOMAIN}")
        domain.action_disconnect()
        self.assertEqual(alias.alias_full_name, "people@old.example.com")
        self.connect()
        self.assertEqual(alias.alias_full_name, f"people@{DOMAIN}")

    def test_aliases_that_are_left_behind_are_told_and_can_be_moved(self):
        alias, domain = self.connect_beside(move_aliases=False)
        self.assertEqual(alias.alias_full_name, "people@old.example.com")
        found = self.line(domain, "Aliases")
        self.assertEqual(found.level, "warning")
        self.assertIn("at old.example.com, whose mail does not come here", found.text)
        self.assertIn("people", found.text)
        domain.action_move_aliases()
        self.assertEqual(alias.alias_full_name, f"people@{DOMAIN}")
        self.assertNotIn("Aliases", [one.title for one in domain._health_lines()])

    def test_an_alias_whose_name_is_taken_stays_and_is_told(self):
        taken = self.env["mail.alias.domain"].create({"name": DOMAIN})
        self.alias("people", taken)
        alias, domain = self.connect_beside(move_aliases=True)
        self.assertEqual(alias.alias_full_name, "people@old.example.com")
        self.assertIn("people", self.line(domain, "Aliases").text)

    @mute_logger("odoo.addons.base.models.ir_mail_server")
    def test_aliases_of_a_domain_that_another_server_fetches_are_no_trouble(self):
        values = {"name": "IMAP", "server_type": "imap", "state": "done"}
        self.env["fetchmail.server"].create(values)
        alias, domain = self.connect_beside()
        self.assertEqual(alias.alias_full_name, "people@old.example.com")
        self.assertEqual(self.line(domain, "Aliases").level, "info")

    # --- where Mailgun cannot reach us -----------------------------------------------

    def test_an_address_that_is_not_public_is_named(self):
        domain = self.connect()
        for url, words in (
            ("http://localhost:8069", "from outside"),
            ("https://192.168.1.5", "from outside"),
            ("http://odoo.example.com", "not encrypted"),
            ("odoo.example.com", "no address"),
            ("https://[", "no address"),
            ("https://odoo.example.com:https", "no address"),
            (r"https://evil.example\.example.com", "no address"),
            ("https://odoo\uff0fexample.com", "no address"),
            ('https://odoo.example.com/") forward("https://x', "no address"),
            ("https://user@odoo.example.com", "no address"),
            ("https://[::1]", "from outside"),
            ("https://[2606:4700::1111]:8443/odoo", False),
            ("https://ODOO.bücher.example", False),
            ("https://odoo.example.com", False),
        ):
            with self.subTest(url=url), patch.dict(os.environ):
                del os.environ[API_URL_VARIABLE]
                domain.public_url = url
                trouble = domain._public_url_trouble()
                self.assertTrue(words in trouble if words else not trouble)

    def test_the_wizard_warns_before_it_connects(self):
        wizard = self.wizard(public_url="http://localhost:8069")
        with patch.dict(os.environ):
            del os.environ[API_URL_VARIABLE]
            self.assertIn("from outside", wizard.public_url_warning)
            wizard.public_url = "https://odoo.example.com"
            self.assertFalse(wizard.public_url_warning)

    def test_no_route_is_made_to_an_address_that_is_not_public(self):
        domain = self.connect()
        self.mailgun.routes = []
        patcher = patch.object(
            type(domain), "_public_url_trouble", lambda _self: "not public"
        )
        with patcher:
            domain.action_repair()
        self.assertEqual(self.mailgun.routes, [])
        self.assertEqual(self.line(domain, "Route").text, "not public")

    def test_a_copy_of_the_database_changes_nothing_at_mailgun(self):
        domain = self.connect()
        domain.database_name = "the original"
        self.mailgun.seen.clear()
        for action in ("action_repair", "action_disconnect", "action_check_dns"):
            with self.assertRaisesRegex(UserError, "copy"):
                getattr(domain, action)()
        self.assertEqual(self.mailgun.seen, [])
