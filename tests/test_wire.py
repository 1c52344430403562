import json
from email import message_from_bytes, policy
from email.message import EmailMessage

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.api.send_options import Options, take_options
from odoo.addons.mail_mailgun.tools.mime.wire import flatten

LONG = "a" * 300


def message(**headers):
    # Odoo's own policy, which it puts in the place of Python's.
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = "Sales <sales@mail.example.com>"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("text\n")
    return mail


@tagged("mailgun_tools")
class TestWire(BaseCase):
    def assert_travels(self, name, value):
        self.assertIn(
            f"\r\n{name}: {value}\r\n".encode(), flatten(message(**{name: value}))
        )

    def test_what_programs_read_is_neither_folded_nor_encoded(self):
        for name, value in (
            ("List-Unsubscribe", f"<https://example.com/{LONG}?a=b&c=%20>"),
            ("List-Unsubscribe", f"<mailto:{LONG}@x.y>, <https://example.com/{LONG}>"),
            ("List-Unsubscribe-Post", f"List-Unsubscribe=One-Click{LONG}"),
            ("List-Id", f"News <{LONG}.example.com>"),
            ("X-Mailgun-Variables", json.dumps({"a": LONG, "b": "ü ü"})),
            ("Message-Id", f"<{LONG}@example.com>"),
            ("In-Reply-To", f"<{LONG}@example.com>"),
            ("References", f"<{LONG}@example.com> <{LONG}@example.com>"),
            ("X-Odoo-Objects", f"sale.order-{LONG}"),
            ("Feedback-ID", f"{LONG}:a:b"),
        ):
            with self.subTest(name=name):
                self.assert_travels(name, value)

    def test_our_mark_among_the_variables_of_others_is_in_one_piece(self):
        mail = message(X_Mailgun_Variables=json.dumps({"theirs": LONG}))
        sent, _fields = take_options(mail, Options(), "ref")
        expected = json.dumps({"theirs": LONG, "odoo": "ref"}).encode()
        self.assertIn(b"\r\nX-Mailgun-Variables: %s\r\n" % expected, flatten(sent))

    def test_a_line_that_no_server_takes_is_broken_between_the_ids(self):
        ids = [f"<{number}{LONG}@example.com>" for number in range(10)]
        mime = flatten(message(References=" ".join(ids)))
        head = mime.partition(b"\r\n\r\n")[0]
        self.assertLessEqual(max(map(len, head.split(b"\r\n"))), 998)
        for one in ids:
            self.assertIn(one.encode(), head)
        parsed = message_from_bytes(mime, policy=policy.default)
        self.assertEqual(parsed["References"], " ".join(ids))

    def test_what_people_read_is_folded_and_encoded_as_ever(self):
        mail = message(
            Subject="Grüße " * 50, To=f"{LONG} <a@example.org>", X_Words="ü" * 99
        )
        mime = flatten(mail)
        self.assertTrue(mime.isascii())
        self.assertIn(b"\r\nSubject: =?utf-8?", mime)
        self.assertIn(b"\r\nX-Words: =?utf-8?", mime)
        parsed = message_from_bytes(mime, policy=policy.default)
        self.assertEqual(parsed["Subject"], "Grüße " * 50)
        self.assertEqual(parsed["To"].addresses[0].addr_spec, "a@example.org")

    def test_a_mail_that_travels_as_a_file_keeps_its_head(self):
        inner = (
            f"Subject: x\r\nDKIM-Signature: v=1;\r\n\tb={LONG}\r\n  {LONG}\r\n\r\ntext"
        )
        mail = message()
        mail.add_attachment(message_from_bytes(inner.encode()))
        self.assertIn(inner.partition("\r\n\r\n")[0].encode(), flatten(mail))
