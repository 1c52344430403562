import time
from datetime import timedelta

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.mail_mailgun.models.events.recovery import EventRecovery

from .connected_mailgun import ConnectedMailgun
from .test_sending import MailgunOutcomeCase


class AskingCase(MailgunOutcomeCase):
    """Sends for real, to a Mailgun that keeps a record and lists."""

    source = "events"

    def setUp(self):
        super().setUp()
        self.mailgun = ConnectedMailgun()
        self.mailgun.sources = (self.source,)
        self.domain.record_source = self.source
        self.enterContext(self.mailgun.running())

    def sent(self, *partners):
        mail = self.message(*partners)
        mail.send()
        return mail

    def ask(self):
        """Run the scheduled action."""
        self.env.flush_all()
        self.env.ref("mail_mailgun.ir_cron_suppressions").method_direct_trigger()
        self.env.invalidate_all()

    def asked(self, part):
        """Paths with ``part`` in them that were asked for."""
        return [seen.path for seen in self.mailgun.seen if part in seen.path]


@tagged("post_install", "-at_install")
class TestMissedEvents(AskingCase):
    def event(self, mail, number=1, **values):
        row = self.rows(mail)[:1]
        return {
            "id": f"e{number}",
            "event": "delivered",
            "timestamp": time.time() - 60 + number,
            "recipient": row.recipient,
            "message": {"headers": {"message-id": mail.message_id.strip("<>")}},
            "user-variables": {"odoo": row.reference},
            **values,
        }

    def events(self):
        self.env.invalidate_all()
        return self.env["mailgun.event"].search([], order="id")

    def fetch(self):
        return self.domain.action_fetch_events()["params"]["message"]

    def test_an_event_that_was_missed_is_written_down_and_applied(self):
        mail = self.sent()
        self.mailgun.events = [self.event(mail)]
        self.assertIn("of 1 events of our mail; 1 of them were missing", self.fetch())
        self.env["mailgun.event"]._process_queue()
        self.assertEqual(self.rows(mail).state, "delivered")
        self.assertTrue(self.events().polled)

    def test_an_event_that_a_webhook_told_is_not_written_down_twice(self):
        mail = self.sent()
        self.mailgun.events = [self.event(mail)]
        self.fetch()
        self.assertIn("Nothing was missed: Mailgun tells of 1 events", self.fetch())
        self.assertEqual(len(self.events()), 1)

    def test_what_is_told_of_a_reader_is_kept_only_where_the_domain_says_so(self):
        mail = self.sent()
        for number, keep in ((1, False), (2, True)):
            self.domain.keep_reader_details = keep
            told = {"event": "opened", "ip": "192.0.2.1"}
            self.mailgun.events = [self.event(mail, number, **told)]
            self.fetch()
        self.assertEqual(["ip" in one.payload for one in self.events()], [False, True])

    def test_an_event_is_ours_by_mark_by_message_or_by_mailguns_id(self):
        mail = self.sent()
        other = {"message": {"headers": {"message-id": "other@x"}}}
        theirs = {"message": {"headers": {"message-id": "1@mailgun.test"}}}
        self.mailgun.events = [
            self.event(mail, 1, **other),
            self.event(mail, 2, **{"user-variables": []}),
            self.event(mail, 3, **{"user-variables": "odd", **theirs}),
        ]
        self.fetch()
        self.assertEqual(self.events().mapped("event_id"), ["e1", "e2", "e3"])

    def test_mail_of_other_systems_leaves_no_trace(self):
        mail = self.sent()
        other = {
            "message": {"headers": {"message-id": "other@x"}},
            "user-variables": {"odoo": "another database"},
        }
        self.mailgun.events = [self.event(mail, 1, **other), None, {"event": []}]
        self.assertIn("of 0 events", self.fetch())
        self.assertFalse(self.events())

    def test_a_page_costs_the_same_number_of_queries_whatever_is_in_it(self):
        mail = self.sent()
        self.mailgun.events = [self.event(mail, number) for number in range(50)]
        self.fetch()
        known = self.mailgun.events
        counts = []
        for size in (1, 50):
            self.mailgun.events = known[:size]
            before = self.env.cr.sql_log_count
            self.fetch()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(*counts)

    def test_the_record_is_asked_again_for_the_last_half_hour(self):
        self.fetch()
        late = fields.Datetime.now() - self.domain.events_cursor
        self.assertAlmostEqual(late.total_seconds(), 1800, delta=60)
        begin = self.mailgun.begins()[0]
        self.assertAlmostEqual(begin, time.time() - 86400 - 1800, delta=60)

    def test_what_takes_too_long_goes_on_where_it_stopped(self):
        mail = self.sent()
        self.mailgun.page_size = 2
        age = timedelta(hours=20).total_seconds()
        self.mailgun.events = [
            self.event(mail, number, timestamp=time.time() - age + number * 3600)
            for number in range(4)
        ]
        found = EventRecovery(self.domain).run(lambda: False)
        self.assertEqual((found.missing, found.is_complete), (2, False))
        self.domain.invalidate_recordset()
        self.mailgun.seen.clear()
        EventRecovery(self.domain).run(lambda: True)
        begin = self.mailgun.begins()[0]
        second = self.mailgun.events[1]["timestamp"]
        self.assertAlmostEqual(begin, second, delta=2)
        self.assertEqual(len(self.events()), 4)

    def test_the_scheduled_action_fetches_them_too(self):
        mail = self.sent()
        self.mailgun.events = [self.event(mail)]
        self.ask()
        self.assertEqual(len(self.events()), 1)
        self.assertTrue(self.domain.polled_at)
        self.assertFalse(self.domain.poll_due)

    def test_what_was_asked_for_does_not_prove_that_webhooks_work(self):
        mail = self.sent()
        self.mailgun.events = [self.event(mail)]
        self.fetch()
        self.assertFalse(self.domain._has_events())
        self.assertFalse(self.domain._last_event_at())
        self.events().polled = False
        self.assertTrue(self.domain._has_events())

    def test_a_sending_key_cannot_ask_and_the_button_says_so(self):
        self.mailgun.answer(401, {"message": "Invalid private key"})
        with self.assertRaisesRegex(UserError, "may not read Mailgun's events"):
            self.fetch()

    def test_a_domain_with_a_sending_key_is_not_asked_about(self):
        self.domain.key_kind = "sending"
        self.ask()
        self.assertEqual(self.mailgun.seen, [])

    def test_a_key_that_may_not_read_is_told_and_mails_nobody(self):
        self.mailgun.answer(403, {"message": "Forbidden"})
        mails = self.env["mail.mail"].search_count([])
        self.ask()
        self.assertIn("may not read", self.domain.poll_trouble)
        self.assertEqual(self.env["mail.mail"].search_count([]), mails)
        self.ask()
        self.assertFalse(self.domain.poll_trouble)

    def test_an_hour_without_mailgun_is_no_trouble(self):
        self.mailgun.answer(503, {"message": "Service Unavailable"})
        self.ask()
        self.assertFalse(self.domain.poll_trouble)
        self.assertFalse(self.domain.poll_due)

    def test_a_round_that_was_interrupted_goes_on_before_a_new_one_begins(self):
        self.domain.poll_due = ["nothing of this name"]
        self.ask()
        self.assertEqual(self.mailgun.begins(), [])
        self.ask()
        self.assertTrue(self.mailgun.begins())


@tagged("post_install", "-at_install")
class TestMissedEventsByLogs(TestMissedEvents):
    """The same, from an account that has Logs and no Events."""

    allow_inherited_tests_method = True
    source = "logs"
