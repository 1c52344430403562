import contextlib
import json
import os
from email.message import EmailMessage
from unittest.mock import patch

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.const import API_URL_VARIABLE
from odoo.addons.mail_mailgun.tools.api.client import MailgunClient
from odoo.addons.mail_mailgun.tools.api.session import (
    MailgunSession,
    Reservation,
)
from odoo.addons.mail_mailgun.tools.errors import (
    DoubtfulError,
    RefusedMessage,
    RefusedRecipient,
    SettingError,
    UnreadableKey,
)
from odoo.addons.mail_mailgun.tools.mime.wire import flatten

from .local_mailgun import QUEUED, LocalMailgun


def message():
    mail = EmailMessage()
    mail["From"] = "Sales <sales@mail.example.com>"
    mail["To"] = "customer@example.org"
    mail["Bcc"] = "hidden@example.org"
    mail["Message-Id"] = "<42@mail.example.com>"
    mail["Subject"] = "Grüße"
    mail.set_content("first\nsecond\n")
    return mail


REFUSED_ADDRESS = {
    "message": "to parameter is not a valid address. please check documentation"
}


class Book:
    """A ledger that only remembers what was written into it."""

    def __init__(self):
        self.entries = []

    def begin(self, recipients):
        self.recipients = recipients

    def reserve(self, _message_id, recipients):
        self.entries.append("reserved")
        return Reservation(recipients)

    def accept(self, _reservation, _mailgun_id):
        self.entries.append("accepted")

    def refuse(self, _reservation, _error):
        self.entries.append("refused")

    def release(self, _reservation):
        self.entries.append("released")

    def doubt(self, _reservation, _error):
        self.entries.append("in doubt")

    def close(self):
        self.entries.append("closed")


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

    def test_addresses_go_out_as_written_and_are_known_as_one(self):
        session = self.session()
        written = ["Bob.Ross@Example.org", "bob.ross@example.org", "a@STRASSE.example"]
        session.send_message(message(), "", [*written, "B@straße.example"])
        self.assertEqual(
            self.mailgun.seen[0].values("to"),
            ["bob.ross@example.org", "a@strasse.example", "B@xn--strae-oqa.example"],
        )
        session.send_message(message(), "", written[:1])
        self.assertEqual(self.mailgun.seen[1].values("to"), ["Bob.Ross@example.org"])

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

    # --- what is written down --------------------------------------------------------

    def entries(self, mail=None, raises=None, **options):
        """Send a message, or fail to; return what was written down of it."""
        book = Book()
        session = self.session(ledger=book, **options)
        expected = self.assertRaises(raises) if raises else contextlib.nullcontext()
        with expected as caught:
            session.send_message(mail or message(), "", ["customer@example.org"])
        session.quit()
        # How the session ended has nothing to do with the message.
        self.assertEqual(book.entries.pop(), "closed")
        self.error = caught and caught.exception
        return book.entries

    def test_what_is_taken_is_reserved_before_and_accepted_after(self):
        self.assertEqual(self.entries(), ["reserved", "accepted"])

    def test_of_many_addresses_only_the_one_that_is_none_is_refused(self):
        def respond(seen):
            to = seen.values("to")
            if not {"bad@x", "worse@x"}.isdisjoint(to):
                return 400, json.dumps(REFUSED_ADDRESS).encode(), "application/json"
            taken.extend(to)
            return 200, json.dumps(QUEUED).encode(), "application/json"

        for bad in (["bad@x"], ["bad@x", "worse@x"]):
            for count in (2, 3, 1500):
                good = [f"customer{number}@example.org" for number in range(count)]
                taken, self.mailgun.respond = [], respond
                self.mailgun.seen.clear()
                mixed = [*good[:1], *bad, *good[1:]]
                with self.subTest(count=count), self.assertRaises(RefusedRecipient):
                    self.session().send_message(message(), "", mixed)
                self.assertEqual(sorted(taken), sorted(good))
                self.assertLess(len(self.mailgun.seen), 25 * len(bad))

    def test_without_a_key_nothing_is_reserved(self):
        def unreadable():
            raise UnreadableKey("no master key")

        entries = self.entries(open_client=unreadable, raises=UnreadableKey)
        self.assertEqual(entries, ["closed"])
        self.assertEqual(self.observed, [self.error])

    def test_what_was_not_asked_of_mailgun_is_not_in_doubt(self):
        unspeakable = message()
        unspeakable.set_payload("\ud83d half of it")
        del unspeakable["Content-Transfer-Encoding"]
        entries = self.entries(unspeakable, raises=UnicodeEncodeError)
        self.assertEqual(entries, ["reserved", "released", "closed"])
        big = message()
        big.add_attachment(bytes(26 * 2**20), "application", "octet-stream")
        entries = self.entries(big, raises=RefusedMessage)
        self.assertEqual(entries, ["reserved", "refused", "closed"])
        self.assertEqual(self.mailgun.seen, [])

    def test_a_file_of_certificates_that_is_missing_is_a_setting(self):
        elsewhere = {API_URL_VARIABLE: "https://127.0.0.1:9"}
        missing = {"REQUESTS_CA_BUNDLE": "/nowhere/authority.pem"}
        with patch.dict(os.environ, {**elsewhere, **missing}):
            entries = self.entries(raises=SettingError)
        self.assertEqual(entries, ["reserved", "released", "closed"])
        self.assertIn("/nowhere/authority.pem", str(self.error))
        self.assertIn("https://127.0.0.1:9", str(self.error))

    def test_who_is_stopped_before_mailgun_was_asked_leaves_no_doubt(self):
        for kind in (KeyboardInterrupt, SystemExit, MemoryError, OSError):

            def waiting(kind=kind):
                raise kind

            with self.subTest(kind=kind.__name__):
                entries = self.entries(waiting=waiting, raises=kind)
                self.assertEqual(entries[:2], ["reserved", "released"])
        self.assertEqual(self.mailgun.seen, [])

    def test_who_is_stopped_while_mailgun_takes_it_leaves_it_in_doubt(self):
        @contextlib.contextmanager
        def waiting():
            yield
            raise TimeoutError("CPU time limit exceeded.")

        entries = self.entries(waiting=waiting, raises=DoubtfulError)
        self.assertEqual(entries, ["reserved", "in doubt", "closed"])
        self.assertEqual(len(self.mailgun.seen), 1)
        self.mailgun.hang_up(after_reading=True)
        entries = self.entries(raises=DoubtfulError)
        self.assertEqual(entries, ["reserved", "in doubt", "closed"])
