import time
from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .test_missed_events import AskingCase


@tagged("post_install", "-at_install")
class TestSettling(AskingCase):
    """Mail of which nobody knows whether Mailgun took it, and what its record says."""

    def setUp(self):
        super().setUp()
        self.mailgun.hang_up()
        self.mail = self.message()
        self.mail.send()
        self.row = self.rows(self.mail)
        self.assertEqual(self.row.state, "sending")
        self.mailgun.seen.clear()

    def settle(self, hours=0.1):
        """Ask Mailgun some hours after the mail was handed over."""
        before = fields.Datetime.now() - timedelta(hours=hours)
        self.row.sending_at = before
        self.row.asked_at = False
        self.env.flush_all()
        self.env["mailgun.delivery"]._settle()
        self.env.invalidate_all()

    def happened(self, **values):
        """Have Mailgun's record tell of the mail."""
        self.mailgun.events = [
            {
                "id": "e1",
                "event": "accepted",
                "timestamp": time.time() - 60,
                "recipient": self.row.recipient,
                "message": {"headers": {"message-id": "another@mail.example.com"}},
                "user-variables": {"odoo": self.row.reference},
                **values,
            }
        ]

    def test_what_the_record_tells_of_was_taken(self):
        self.happened()
        self.settle()
        self.assertEqual(self.row.state, "accepted")

    def test_events_of_others_prove_nothing(self):
        self.happened(**{"user-variables": {"odoo": "somebody.else"}})
        self.settle()
        self.assertEqual(self.row.state, "sending")
        self.assertTrue(self.row.asked_since)

    def test_the_end_is_left_to_mailguns_clock(self):
        self.settle()
        self.assertFalse([seen for seen in self.mailgun.seen if "end=" in seen.path])
        self.assertFalse([seen for seen in self.mailgun.seen if b'"end"' in seen.body])

    def test_a_record_that_reaches_back_and_knows_nothing_counts(self):
        self.happened(timestamp=time.time() - 4 * 24 * 3600, recipient="x@example.org")
        self.settle(hours=3 * 24)
        self.assertTrue(self.row.asked_since)

    def test_a_record_that_does_not_reach_back_proves_nothing(self):
        self.happened(timestamp=time.time() - 24 * 3600, recipient="x@example.org")
        self.settle(hours=3 * 24)
        self.assertEqual(self.row.state, "sending")
        self.assertFalse(self.row.asked_since)
        self.assertEqual(self.mail.mailgun_wait, "uncertain")

    def another(self):
        """Leave one more mail in doubt."""
        self.mailgun.hang_up()
        mail = self.message()
        mail.send()
        self.mailgun.seen.clear()
        return self.rows(mail)

    def test_mails_of_one_hour_are_asked_about_at_once(self):
        self.row |= self.another() | self.another()
        self.settle(hours=3)
        self.assertEqual(len(self.mailgun.seen), 1)
        self.assertEqual(len(self.row.filtered("asked_since")), 3)

    def test_mails_of_other_hours_are_asked_about_apart(self):
        other = self.another()
        other.sending_at -= timedelta(hours=5)
        self.settle()
        self.assertEqual(len(self.mailgun.seen), 2)
        self.assertTrue(other.asked_since)

    def test_of_mails_asked_about_at_once_only_those_told_of_are_taken(self):
        other = self.another()
        self.happened(**{"user-variables": {"odoo": other.reference}})
        self.row |= other
        self.settle()
        self.assertEqual(other.state, "accepted")
        self.assertEqual((self.row - other).state, "sending")
        self.assertTrue((self.row - other).asked_since)

    def test_an_event_that_is_none_keeps_no_mail_in_doubt(self):
        deep = {}
        for _level in range(200):
            deep = {"deep": deep}
        self.happened()
        broken = {**self.mailgun.events[0], "id": "e0", "deep": deep}
        self.mailgun.events.insert(0, broken)
        self.settle()
        self.assertEqual(self.row.state, "accepted")


@tagged("post_install", "-at_install")
class TestSettlingByLogs(TestSettling):
    """The same, from an account that has Logs and no Events."""

    allow_inherited_tests_method = True
    source = "logs"
