from unittest.mock import patch

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools import dmarc

NONE = dict.fromkeys(("example.com", "com", "shop.example.com", "mail.example.com"), "")


class Suffixes:
    """A list with two suffixes, one of them of two labels."""

    def privatesuffix(self, name):
        labels = name.split(".")
        length = 3 if name.endswith("co.uk") else 2
        return ".".join(labels[-length:]) if len(labels) >= length else None


@tagged("mailgun_tools")
class TestDmarc(BaseCase):
    def aligned(self, sender, signer, records=None, with_list=True):
        listed = Suffixes() if with_list else None
        with patch.object(dmarc, "_public_suffixes", lambda: listed):
            return dmarc.alignment(sender, signer, (records or {}).get)

    def test_siblings_of_one_organization_belong_together(self):
        for sender, signer, expected in (
            ("mail.example.com", "mail.example.com", "strict"),
            ("example.com", "mail.example.com", "relaxed"),
            ("shop.example.com", "mail.example.com", "relaxed"),
            ("a.co.uk", "b.co.uk", "none"),
            ("co.uk", "b.co.uk", "none"),
            ("shop.a.co.uk", "mail.a.co.uk", "relaxed"),
            ("com", "mail.example.com", "none"),
            ("", "mail.example.com", "none"),
            ("notexample.com", "mail.example.com", "none"),
        ):
            with self.subTest(sender=sender, signer=signer):
                self.assertEqual(self.aligned(sender, signer), expected)

    def test_without_the_list_nothing_is_guessed(self):
        for sender, expected in (
            ("mail.example.com", "strict"),
            ("example.com", "unknown"),
            ("shop.example.com", "none"),
        ):
            found = self.aligned(sender, "mail.example.com", with_list=False)
            self.assertEqual(found, expected)

    def test_records_in_the_dns_go_before_the_list(self):
        records = {**NONE, "example.com": "v=DMARC1; p=none"}
        found = self.aligned("shop.example.com", "mail.example.com", records, False)
        self.assertEqual(found, "relaxed")
        # Its owner says that each name below is an organization of its own.
        records["example.com"] = "v=DMARC1; p=reject; psd=y"
        found = self.aligned("shop.example.com", "mail.example.com", records)
        self.assertEqual(found, "none")
        records["mail.example.com"] = "v=DMARC1; psd=n"
        found = self.aligned("example.com", "mail.example.com", records)
        self.assertEqual(found, "none")

    def test_a_record_that_was_not_looked_at_is_not_taken_for_none(self):
        records = {"shop.example.com": ""}
        found = self.aligned("shop.example.com", "mail.example.com", records)
        self.assertEqual(found, "relaxed")

    def test_of_a_long_name_the_middle_is_left_out(self):
        name = "a.b.c.d.e.f.g.h.example.com"
        names = dmarc.walk(name)
        self.assertEqual((len(names), names[0]), (8, name))
        self.assertEqual(names[1], "d.e.f.g.h.example.com")
        self.assertEqual(names[-1], "com")

    def test_the_record_of_the_organization_speaks_for_its_names(self):
        records = {**NONE, "example.com": "v=DMARC1; p=Reject; adkim=s"}
        with patch.object(dmarc, "_public_suffixes", lambda: None):
            found = dmarc.policy_record("shop.example.com", records.get)
        self.assertEqual(found[0], "example.com")
        self.assertEqual((found[1]["p"], found[1]["adkim"]), ("reject", "s"))

    def test_odd_records_are_none(self):
        for record in ("", "v=spf1 -all", "p=none; v=", "DMARC1", "v=DMARC2; p=none"):
            self.assertEqual(dmarc.tags_of(record), {})

    def test_the_real_list_knows_public_suffixes(self):
        if not dmarc._public_suffixes():
            self.skipTest("publicsuffixlist is not installed")
        for sender, signer, expected in (
            ("shop.example.com", "mail.example.com", "relaxed"),
            ("a.co.uk", "b.co.uk", "none"),
            ("github.io", "me.github.io", "none"),
        ):
            self.assertEqual(dmarc.alignment(sender, signer), expected)
