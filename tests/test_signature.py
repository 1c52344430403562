from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.errors import InvalidSignature
from odoo.addons.mail_mailgun.tools.signature import Signature, sign

KEY = "0123456789abcdef"
TOKEN = "a" * 50
HOUR = 3600


@tagged("mailgun_tools")
class TestSignature(BaseCase):
    def read(self, **changes):
        values = {
            "timestamp": "1700000000",
            "token": TOKEN,
            "signature": sign(KEY, "1700000000", TOKEN),
            **changes,
        }
        return Signature.read(**values)

    def test_the_key_that_signed_is_recognised(self):
        self.assertTrue(self.read().matches([KEY]))

    def test_another_key_is_refused(self):
        self.assertFalse(self.read().matches(["another"]))

    def test_the_previous_key_is_good_while_keys_are_exchanged(self):
        self.assertTrue(self.read().matches(["new", KEY]))

    def test_the_key_of_the_primary_account_is_good_for_a_sub_account(self):
        parent = sign("parent", "1700000000", TOKEN)
        for given in (parent, parent.upper()):
            signature = self.read(parent_signature=given)
            self.assertTrue(signature.matches(["parent"]))
            self.assertTrue(signature.matches([KEY]))
            self.assertFalse(signature.matches(["another"]))

    def test_an_odd_parent_signature_is_none(self):
        for odd in (None, "", 5, [], {}, "x" * 64, sign("parent", "1", "b")[:63]):
            with self.subTest(odd=odd):
                signature = self.read(parent_signature=odd)
                self.assertEqual(signature.parent_signature, "")
                self.assertTrue(signature.matches([KEY]))
                self.assertFalse(signature.matches(["parent"]))

    def test_a_parent_signature_does_not_replace_the_signature(self):
        parent = sign("parent", "1700000000", TOKEN)
        with self.assertRaisesRegex(InvalidSignature, "missing"):
            self.read(signature=None, parent_signature=parent)

    def test_without_any_key_nothing_matches(self):
        self.assertFalse(self.read().matches([]))

    def test_timestamp_and_token_are_both_signed(self):
        self.assertFalse(self.read(timestamp="1700000001").matches([KEY]))
        self.assertFalse(self.read(token="b" * 50).matches([KEY]))

    def test_a_known_value_is_reproduced(self):
        # Made with: printf '%s' 1700000000token | openssl dgst -sha256 -hmac key
        self.assertEqual(
            sign("key", "1700000000", "token"),
            "2a33c3249900da6874552b261be25faacf0e833bc2d0f0f7bc4339dda5614249",
        )

    def test_capital_hexadecimal_digits_are_the_same_signature(self):
        signature = sign(KEY, "1700000000", TOKEN).upper()
        self.assertTrue(self.read(signature=signature).matches([KEY]))

    def test_what_is_no_signature_is_refused_before_any_key_is_tried(self):
        wrong = [None, "", 1700000000, ["x"], {"a": 1}, b"x", "x\r\ny", "é", "\0"]
        for name in ("timestamp", "token", "signature"):
            for value in wrong:
                with self.subTest(name=name, value=value):
                    with self.assertRaisesRegex(InvalidSignature, name):
                        self.read(**{name: value})

    def test_a_timestamp_in_other_digits_is_refused(self):
        with self.assertRaisesRegex(InvalidSignature, "malformed"):
            self.read(timestamp="١٧٠٠٠٠٠٠٠٠")

    def test_mailgun_may_repeat_for_a_day(self):
        self.read().check_age(1700000000 + 23 * HOUR)
        with self.assertRaisesRegex(InvalidSignature, "25 hours ago"):
            self.read().check_age(1700000000 + 25 * HOUR)

    def test_a_clock_may_be_five_minutes_off(self):
        self.read().check_age(1700000000 - 299)
        with self.assertRaisesRegex(InvalidSignature, "clock"):
            self.read().check_age(1700000000 - 301)
