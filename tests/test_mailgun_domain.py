import os
from unittest.mock import patch

import psycopg2

from odoo.exceptions import AccessError, ValidationError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.mail_mailgun.tools.errors import SettingError, UnreadableKey

from .common import API_KEY, DOMAIN, SIGNING_KEY, MailgunSendingCase

KEY_VARIABLE = "MAILGUN_API_KEY_MAIL_EXAMPLE_COM"


@tagged("post_install", "-at_install")
class TestMailgunDomainKeys(MailgunSendingCase):
    def test_keys_cannot_be_read_back(self):
        (values,) = self.domain.read()
        self.assertFalse(values["api_key"])
        self.assertFalse(values["webhook_signing_key"])
        for value in values.values():
            self.assertNotIn(API_KEY, str(value))
            self.assertNotIn(SIGNING_KEY, str(value))

    def test_keys_are_not_in_the_database_in_clear(self):
        self.env.flush_all()
        self.env.cr.execute("SELECT * FROM mailgun_domain")
        text = str(self.env.cr.fetchall())
        self.assertNotIn(API_KEY, text)
        self.assertNotIn(SIGNING_KEY, text)

    def test_keys_are_not_exported(self):
        rows = self.domain.export_data(["name", "api_key", "webhook_signing_key"])
        self.assertEqual(rows["datas"], [[DOMAIN, "", ""]])

    def test_keys_are_not_copied(self):
        copy = self.domain.copy()
        self.assertEqual(copy._get_secret("api_key"), "")
        self.assertEqual(copy.state, "draft")

    def test_an_ordinary_user_sees_no_domain(self):
        user = new_test_user(self.env, "ordinary", groups="base.group_user")
        with self.assertRaises(AccessError):
            self.domain.with_user(user).read(["name"])

    def test_the_form_shows_where_a_key_is_and_its_end(self):
        self.assertEqual(self.domain.api_key_info, "Stored, ends in …ey-1")
        self.assertEqual(self.domain.webhook_signing_key_previous_info, "Not set")

    def test_saving_the_form_untouched_keeps_the_key(self):
        self.domain.write({"api_key": False, "region": "eu"})
        self.assertEqual(self.domain._get_secret("api_key"), API_KEY)

    def test_a_new_signing_key_makes_the_old_one_the_previous(self):
        self.domain.webhook_signing_key = "signing-key-2"
        self.assertEqual(
            self.domain._get_secret("webhook_signing_key_previous"), SIGNING_KEY
        )

    def test_entering_the_same_signing_key_again_makes_no_previous(self):
        self.domain.webhook_signing_key = SIGNING_KEY
        self.assertEqual(self.domain._get_secret("webhook_signing_key_previous"), "")

    def test_blanks_around_a_pasted_key_are_dropped(self):
        self.domain.api_key = "  key-2\n"
        self.assertEqual(self.domain._get_secret("api_key"), "key-2")

    def test_the_environment_overrides_what_is_stored(self):
        with patch.dict(os.environ, {KEY_VARIABLE: "key-from-outside"}):
            self.domain.invalidate_recordset()
            self.assertEqual(self.domain._get_secret("api_key"), "key-from-outside")
            self.assertIn("outside the database", self.domain.api_key_info)

    def test_a_key_of_another_server_is_named_and_can_be_replaced(self):
        with patch.dict(os.environ, {"MAILGUN_SECRET_KEY": "another"}):
            self.domain.invalidate_recordset()
            with self.assertRaises(UnreadableKey):
                self.domain._get_secret("api_key")
            self.assertIn("enter the key again", self.domain.api_key_info)
            self.domain.api_key = "key-2"
            self.assertEqual(self.domain._get_secret("api_key"), "key-2")

    def test_neutralizing_a_copy_leaves_no_key_and_sends_nothing(self):
        self.env.flush_all()
        for query in get_neutralization_queries(["mail_mailgun"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        for name in ("api_key", "webhook_signing_key", "webhook_signing_key_previous"):
            self.assertEqual(self.domain._get_secret(name), "")
        with self.assertRaisesRegex(SettingError, "not confirmed"):
            self.domain._open_client()


@tagged("post_install", "-at_install")
class TestMailgunDomain(MailgunSendingCase):
    def test_a_name_is_taken_as_people_write_it(self):
        domain = self.env["mailgun.domain"].create({"name": " Mail.Bücher.example. "})
        self.assertEqual(domain.name, "mail.xn--bcher-kva.example")

    def test_what_is_no_domain_is_refused(self):
        for name in ("company", "https://mail.example.org", "a b.com", "sales@a.com"):
            with self.subTest(name=name), self.assertRaises(ValidationError):
                self.env["mailgun.domain"].create({"name": name})

    @mute_logger("odoo.sql_db")
    def test_a_domain_exists_once(self):
        with self.assertRaises(psycopg2.errors.UniqueViolation):
            self.env["mailgun.domain"].create({"name": DOMAIN.upper()})

    def test_a_copy_of_the_database_sends_nothing_until_confirmed(self):
        for name, value in (("database_uuid", "other"), ("database_name", "other")):
            with self.subTest(name=name):
                self.domain[name] = value
                self.assertTrue(self.domain.is_foreign)
                with self.assertRaisesRegex(SettingError, "copy"):
                    self.domain._open_client()
                self.domain.action_confirm()
                self.domain._open_client().close()

    def test_a_domain_without_key_says_where_to_enter_it(self):
        self.domain.action_forget_keys()
        with self.assertRaisesRegex(SettingError, "Mailgun Domains"):
            self.domain._open_client()

    def test_set_up_mail_makes_server_and_alias_domain_once(self):
        domain = self.env["mailgun.domain"].create({"name": "two.example.com"})
        self.env.company.alias_domain_id = False
        for _time in range(2):
            domain.action_setup_mail()
        (server,) = domain.mail_server_ids
        self.assertEqual(domain.incoming_server_ids.server_type, "mailgun")
        self.assertEqual(server.from_filter, "two.example.com")
        self.assertEqual(domain.alias_domain_id.name, "two.example.com")
        self.assertEqual(self.env.company.alias_domain_id, domain.alias_domain_id)

    # --- Test Connection -------------------------------------------------------------

    def assert_refused(self, words):
        """Told in a notification: an exception would take back what was found."""
        shown = self.domain.action_test_connection()["params"]
        self.assertEqual(shown["type"], "danger")
        self.assertIn(words, shown["message"])

    def test_a_key_is_not_called_good_before_somebody_has_asked(self):
        self.assertEqual(self.domain._health_of_key().level, "info")
        self.mailgun.answer(200, {"domain": {"name": DOMAIN, "state": "active"}})
        self.domain.action_test_connection()
        line = self.domain._health_of_key()
        self.assertEqual(line.level, "ok")
        self.assertIn("Accepted by Mailgun on", line.text)

    def test_a_good_connection_is_confirmed(self):
        self.mailgun.answer(200, {"domain": {"name": DOMAIN, "state": "active"}})
        action = self.domain.action_test_connection()
        self.assertIn("can send", action["params"]["message"])
        self.assertEqual(self.mailgun.seen[0].path, f"/v4/domains/{DOMAIN}")

    def test_an_unverified_domain_is_named(self):
        self.mailgun.answer(200, {"domain": {"name": DOMAIN, "state": "unverified"}})
        self.assert_refused("DNS records")
        self.assertFalse(self.domain.check_trouble)

    def test_a_sending_key_is_recognised(self):
        self.mailgun.answer(401, b"Forbidden", "text/plain")
        self.mailgun.answer(400, {"message": "from parameter is missing"})
        self.domain.check_trouble = "refused"
        action = self.domain.action_test_connection()
        self.assertIn("sending key", action["params"]["message"])
        self.assertFalse(self.domain.check_trouble)

    def test_a_wrong_key_is_named(self):
        for _call in range(2):
            self.mailgun.answer(401, b"Forbidden", "text/plain")
        self.assert_refused("does not accept the API key")
        line = self.domain._health_of_key()
        self.assertEqual(line.level, "error")
        self.assertIn("does not accept the API key", line.text)

    def test_the_wrong_region_is_named(self):
        self.mailgun.answer(404, {"message": f"Domain not found: {DOMAIN}"})
        self.assert_refused("other region")

    def test_a_dead_network_is_named(self):
        with patch.dict(os.environ, {"MAILGUN_API_URL": "http://127.0.0.1:9"}):
            self.assert_refused("firewall")
        self.assertFalse(self.domain.check_trouble, "it passes by itself")
