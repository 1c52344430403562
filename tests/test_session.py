import contextlib
from email.message import EmailMessage

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.api.client import MailgunClient
from odoo.addons.mail_mailgun.tools.api.session import MailgunSession, flatten
from odoo.addons.mail_mailgun.tools.errors import SettingError

from .local_mailgun import LocalMailgun


def message():
    mail = EmailMessage()
    mail["From"] = "Sales <sales@mail.example.com>"
    mail["To"] = "customer@example.org"
    mail["Bcc"] = "hidden@example.org"
    mail["Message-Id"] = "<42@mail.example.com>"
    mail["Subject"] = "Grüße"
    mail.set_content("first\nsecond\n")
    return mail


@tagged("mailgun_tools")
class TestSession(BaseCase):
    def setUp(self):
        super().setUp()
        self.mailgun = LocalMailgun()
        self.enterContext(self.mailgun.running())
        self.observed = []

    def session(self, open_client=None, **options):
        return MailgunSession(
            domain="mail.example.com",
            open_client=open_client or (lambda: MailgunClient("us", "key")),
            from_filter="mail.example.com",
            smtp_from="sales@mail.example.com",
            observe=self.observed.append,
            **options,
        )

    def test_nothing_is_opened_before_the_first_message(self):
        self.session(open_client=self.fail).quit()
        self.assertFalse(self.mailgun.seen)

    def test_the_envelope_is_what_core_computed_and_not_the_headers(self):
        recipients = ["customer@example.org", "hidden@example.org"]
        session = self.session()
        session.send_message(message(), "bounce@mail.example.com", recipients)
        session.quit()
        self.assertEqual(self.mailgun.seen[0].values("to"), recipients)

    def test_key_trouble_belongs_to_the_message_and_not_to_the_session(self):
        def no_key():
            raise SettingError("no key")

        session = self.session(open_client=no_key)
        for _mail in range(2):
            with self.assertRaisesRegex(SettingError, "no key"):
                session.send_message(message(), "", ["customer@example.org"])

    def test_a_session_may_be_used_again_after_quit(self):
        session = self.session()
        for _mail in range(2):
            session.send_message(message(), "", ["customer@example.org"])
            session.quit()
        self.assertEqual(len(self.mailgun.seen), 2)

    def test_the_blind_copies_stay_blind(self):
        mail = message()
        self.assertNotIn(b"hidden@example.org", flatten(mail))
        self.assertEqual(mail["Bcc"], "hidden@example.org")

    def test_lines_end_as_smtp_wants_them_and_nothing_is_8_bit(self):
        mime = flatten(message())
        self.assertEqual(mime.count(b"\n"), mime.count(b"\r\n"))
        self.assertTrue(mime.isascii())

    def test_the_message_id_is_not_touched(self):
        self.assertIn(b"\r\nMessage-Id: <42@mail.example.com>\r\n", flatten(message()))

    def test_others_may_go_on_while_mailgun_is_waited_for(self):
        seen = []

        @contextlib.contextmanager
        def waiting():
            seen.append(len(self.mailgun.seen))
            yield
            seen.append(len(self.mailgun.seen))

        session = self.session(waiting=waiting)
        session.send_message(message(), "", ["customer@example.org"])
        session.quit()
        self.assertEqual(seen, [0, 1])

    def test_how_each_attempt_ended_is_told(self):
        session = self.session()
        self.mailgun.answer(401, b"Forbidden", "text/plain")
        with self.assertRaises(SettingError) as caught:
            session.send_message(message(), "", ["customer@example.org"])
        session.send_message(message(), "", ["customer@example.org"])
        session.quit()
        self.assertEqual(self.observed, [caught.exception, None])
