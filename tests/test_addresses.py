from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.addresses import domain_name


@tagged("mailgun_tools")
class TestDomainName(BaseCase):
    def test_a_name_is_given_as_it_stands_in_dns(self):
        for address, name in (
            ("people@mail.example.com", "mail.example.com"),
            ("mail.example.com", "mail.example.com"),
            ("<People@MAIL.Example.com>", "mail.example.com"),
            ("a@b@mail.example.com ", "mail.example.com"),
            ("people@bücher.example", "xn--bcher-kva.example"),
            ("people@xn--bcher-kva.example", "xn--bcher-kva.example"),
            # IDNA 2003 had another one for it, that of somebody else.
            ("people@straße.example", "xn--strae-oqa.example"),
        ):
            with self.subTest(address=address):
                self.assertEqual(domain_name(address), name)

    def test_what_cannot_be_one_is_none(self):
        for address in (
            "",
            "people",
            "people@",
            "people@localhost",
            "people@mail.example.com\0",
            "people@\ud800.com",
            "people@mail.example.com\r\nBcc: x",
            "people@mail example.com",
            "people@-mail.example.com",
            "people@" + "a" * 64 + ".com",
            "people@" + "a." * 126 + "com",
            "people@" + "\u0130" * 1_000_000,
        ):
            with self.subTest(address=address[:30]):
                self.assertEqual(domain_name(address), "")
