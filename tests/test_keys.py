from odoo.tests import tagged

from odoo.addons.mail_mailgun.tools.api.keys import looks_like, probe

from .test_management import DOMAIN, ManagementCase

HEX = "0123456789abcdef" * 2


@tagged("mailgun_tools")
class TestKeys(ManagementCase):
    def test_a_key_is_guessed_by_its_shape(self):
        for text, kind in [
            (f"key-{HEX}", ""),
            (f" {HEX}-01234567-89abcdef\n", "api"),
            (HEX, "signing"),
            (f"pubkey-{HEX}", "public"),
            ("something", ""),
        ]:
            with self.subTest(text=text):
                self.assertEqual(looks_like(text), kind)

    def test_domains_of_both_regions_are_found(self):
        self.mailgun.answer(200, {"items": []})
        self.mailgun.answer(200, {"items": [{"name": "eu.example.com"}]})
        found = probe("key", "us")
        self.assertEqual(found.kind, "api")
        self.assertEqual([one.region for one in found.domains], ["eu"])
        self.assertEqual(
            [path.startswith("/eu/") for _get, path in self.asked()], [False, True]
        )

    def test_a_sending_key_is_found_in_its_region(self):
        for _region in range(2):
            self.mailgun.answer(401, {"message": "Invalid private key"})
        self.mailgun.answer(401, b"Forbidden", "text/plain")
        self.mailgun.answer(400, {"message": "to parameter is missing"})
        found = probe("key", "us", DOMAIN)
        self.assertEqual(found.kind, "sending")
        self.assertEqual([one.region for one in found.domains], ["eu"])

    def test_a_key_that_nobody_knows_brings_mailguns_words(self):
        for _call in range(4):
            self.mailgun.answer(401, {"message": "Invalid private key"})
        found = probe("key", "us", DOMAIN)
        self.assertEqual((found.kind, found.refusal), ("", "Invalid private key"))
