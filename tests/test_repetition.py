from odoo.tests import tagged

from .common import DOMAIN, MailgunRoutingCase

PEOPLE = f"people@{DOMAIN}"
HIDDEN = f"hidden@{DOMAIN}"


@tagged("post_install", "-at_install")
class TestNamesakes(MailgunRoutingCase):
    """Another mail with the Message-Id of one that came before is not lost."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hidden = cls.alias.copy({"alias_name": "hidden"})

    def receive_other(self, text=b"How many are there?", **options):
        """Receive a mail with the same Message-Id and another text."""
        mail = self.mail(**options).replace(b"How much is it?", text)
        recipient = options.get("to", PEOPLE)
        return self.receive(mail, recipient, token=f"token-{text}-{recipient}")

    def assert_kept(self, row):
        self.assertEqual(row.state, "held")
        self.assertIn("same Message-Id", row.error)
        self.assertTrue(row._raw_bytes())
        before = self.contacts()
        row.action_release()
        self.work()
        self.assertEqual(row.state, "done", row.error)
        self.assertEqual(len(self.contacts() - before), 1)

    def test_after_the_bytes_of_the_first_were_removed(self):
        self.receive()._raw_attachment().unlink()
        self.assertFalse(self.receive(token="again"), "the same mail is known")
        self.assert_kept(self.receive_other())

    def test_when_nothing_is_known_of_the_first_but_that_it_came(self):
        first = self.receive()
        first._raw_attachment().unlink()
        first.fingerprint = False
        self.assert_kept(self.receive(token="again"))

    def test_for_another_alias(self):
        self.receive()
        self.assert_kept(self.receive_other(to=HIDDEN))

    def test_for_another_alias_after_the_bytes_were_removed(self):
        self.receive()._raw_attachment().unlink()
        self.assert_kept(self.receive_other(to=HIDDEN))

    def test_for_another_alias_after_odoo_has_refused_the_first(self):
        self.alias.alias_contact = "followers"
        first = self.receive()
        self.assertTrue(first.is_settled)
        self.assert_kept(self.receive_other(to=HIDDEN))

    def test_with_another_date_and_the_same_text(self):
        self.receive(Date="Mon, 02 Nov 2026 10:00:00 +0000")
        mail = self.mail(Date="Mon, 02 Nov 2026 10:05:00 +0000")
        self.assert_kept(self.receive(mail, token="other"))

    def test_long_after_the_first_has_left_the_journal(self):
        date = {"Date": "Mon, 02 Nov 2026 10:00:00 +0100"}
        for other, kept in (
            ({"Date": "Mon, 02 Nov 2026 10:05:00 +0100"}, True),
            ({"Date": ""}, True),
            ({"Date": "Mon, 02 Nov 2026 09:00:00 +0000"}, False),
        ):
            with self.subTest(other=other):
                message_id = f"<{len(other['Date'])}-{kept}@example.org>"
                self.receive(message_id=message_id, token="first", **date).unlink()
                row = self.receive_other(message_id=message_id, **other)
                if kept:
                    self.assert_kept(row)
                else:
                    self.assertEqual(row.state, "ignored")
                row.unlink()

    def test_the_second_mail_is_kept_once_for_each_recipient(self):
        self.receive()
        other = self.mail(to=f"{PEOPLE}, {HIDDEN}").replace(b"How much", b"How many")
        rows = self.receive(other, token="1") | self.receive(other, HIDDEN, token="2")
        self.assertEqual(rows.mapped("state"), ["held", "held"])
        self.assertEqual(len(set(rows.mapped("message_id"))), 1)
        self.assertFalse(self.receive(other, token="3"))
        again = self.receive(other, HIDDEN, token="4")
        self.assertEqual((again.state, len(self.journal.search([]))), ("ignored", 4))

    def test_a_mail_that_a_forwarder_has_changed_is_the_same(self):
        options = {
            "Date": "Mon, 02 Nov 2026 10:00:00 +0100",
            "to": f"{PEOPLE}, {HIDDEN}",
        }
        self.receive(recipient=PEOPLE, **options)
        changed = self.mail(**options).replace(b"How", b"[External] How")
        self.assertFalse(self.receive(changed, PEOPLE, token="again"))
        row = self.receive(changed, HIDDEN, token="other")
        self.assertEqual(row.state, "ignored", row.error)

    def test_the_same_mail_for_another_recipient_needs_no_copy(self):
        to = f"{PEOPLE}, colleague@{DOMAIN}"
        self.receive(to=to)
        row = self.receive(to=to, recipient=f"colleague@{DOMAIN}")
        self.assertEqual(row.state, "ignored")

    def test_the_same_mail_in_another_shape_is_the_same(self):
        raw = self.mail(to=f"{PEOPLE}, {HIDDEN}", Subject="=?utf-8?q?Gr=C3=BC=C3=9Fe?=")
        self.receive(raw)
        rebuilt = raw.replace(
            b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=", b"=?utf-8?b?R3LDvMOfZQ==?="
        )
        rebuilt = rebuilt.replace(
            b"\r\n\r\nHow much is it?",
            b"\r\nContent-Transfer-Encoding: base64\r\n\r\nSG93IG11Y2ggaXMgaXQ/",
        )
        row = self.receive(rebuilt, HIDDEN)
        self.assertEqual(row.state, "ignored", row.error)
