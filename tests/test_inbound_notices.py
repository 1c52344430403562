from unittest.mock import patch

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.mail_mailgun.models.inbound.mailgun_inbound_email import MAX_ACTIVITIES

from .common import DOMAIN, MailgunRoutingCase
from .test_inbound_routing import JOURNAL


@tagged("post_install", "-at_install")
class TestInboundNotices(MailgunRoutingCase):
    """Who is told of mail that needs a person."""

    def fail(self, number=1, reason="A name is required", kind=ValidationError):
        with self.failing(kind(reason)), mute_logger(JOURNAL):
            return self.receive(
                message_id=f"<{number}@example.org>", token=f"token-{number}"
            )

    def activities(self):
        return self.env["mail.activity"].search(
            [("res_model", "=", "mailgun.inbound.email")]
        )

    def digest(self):
        before = self.domain.message_ids
        self.journal._send_digest(self.domain)
        return self.domain.message_ids - before

    def test_a_failed_mail_raises_an_activity_that_opens_it(self):
        row = self.fail()
        (activity,) = self.activities()
        self.assertEqual(activity.res_id, row.id)
        self.assertEqual(activity.user_id, self.domain.user_id)
        self.assertIn("A name is required", activity.note)

    def test_mails_that_fail_alike_raise_one_activity_whatever_they_say(self):
        for number in range(40):
            self.fail(number, f"No contact is called {number}")
        self.assertEqual(len(self.activities()), 1)

    def test_another_kind_of_failure_raises_another_activity_up_to_a_limit(self):
        for number in range(10):
            kind = type(f"Error{number}", (ValidationError,), {})
            self.fail(number, kind=kind)
            expected = min(number + 1, MAX_ACTIVITIES)
            self.assertEqual(len(self.activities()), expected)

    def test_a_failure_is_told_again_after_its_activity_was_done(self):
        self.fail(1)
        self.activities().action_done()
        self.fail(2)
        self.assertEqual(len(self.activities()), 1)

    def test_the_activity_is_closed_when_the_mail_is_routed_after_all(self):
        row = self.fail()
        row.action_retry()
        self.work()
        self.assertEqual(row.state, "done")
        self.assertFalse(row.activity_ids)

    def test_mail_to_unknown_addresses_raises_no_activity(self):
        self.receive(to=f"nobody@{DOMAIN}", recipient=f"nobody@{DOMAIN}")
        self.assertFalse(self.activities())

    def test_unknown_addresses_come_as_a_digest(self):
        for number in range(2):
            self.receive(
                to=f"nobody@{DOMAIN}",
                recipient=f"nobody@{DOMAIN}",
                message_id=f"<{number}@example.org>",
                token=str(number),
            )
        message = self.digest()
        self.assertIn(f"nobody@{DOMAIN}: 2 mails", message.body)
        self.assertIn("customer@example.org", message.body)
        self.assertEqual(message.partner_ids, self.domain.user_id.partner_id)

    def test_a_quiet_day_sends_no_digest(self):
        self.receive()
        self.assertFalse(self.digest())

    def test_a_sender_cannot_write_html_into_the_digest(self):
        row = self.receive(to=f"nobody@{DOMAIN}", recipient=f"nobody@{DOMAIN}")
        row.sender = "<script>@example.org"
        self.assertNotIn("<script>", self.digest().body)


@tagged("post_install", "-at_install")
class TestInboundRetention(MailgunRoutingCase):
    def age(self, row, days):
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mailgun_inbound_email SET create_date = now() - %s * interval"
            " '1 day' WHERE id = %s",
            [days, row.id],
        )
        self.env.invalidate_all()

    def collect(self):
        self.journal._gc_bytes()
        self.journal._gc_rows()
        self.env.invalidate_all()

    def test_bytes_of_routed_mail_go_after_a_week_and_the_row_after_a_month(self):
        row = self.receive()
        for days, bytes_left, row_left in ((6, True, True), (8, False, True)):
            self.age(row, days)
            self.collect()
            self.assertEqual(bool(row.exists()), row_left)
            self.assertEqual(bool(row._raw_bytes()), bytes_left)
        self.age(row, 31)
        self.collect()
        self.assertFalse(row.exists())

    def test_mail_in_trouble_stays_with_its_bytes_for_three_months(self):
        for state in ("failed", "held", "unrouted"):
            row = self.receive(message_id=f"<{state}@example.org>", token=state)
            row.state = state
            self.age(row, 89)
            self.collect()
            self.assertTrue(row._raw_bytes(), state)
            self.age(row, 91)
            self.collect()
            self.assertFalse(row.exists(), state)

    def test_a_mail_with_a_file_that_waits_for_release_stays_as_long(self):
        row = self.receive()
        held = self.env["mailgun.held.attachment"].create(
            {"inbound_email_id": row.id, "name": "invoice.pdf.exe"}
        )
        self.age(row, 60)
        self.collect()
        self.assertTrue(held.exists())
        held.action_discard()
        self.collect()
        self.assertFalse(row.exists())

    def test_waiting_mail_is_never_removed(self):
        row = self.receive()
        row.state = "pending"
        self.age(row, 500)
        self.collect()
        self.assertTrue(row._raw_bytes())

    def test_a_batch_that_is_full_says_that_there_is_more(self):
        for number in range(2):
            row = self.receive(message_id=f"<{number}@example.org>", token=str(number))
            self.age(row, 40)
        module = "odoo.addons.mail_mailgun.models.inbound.mailgun_inbound_email"
        with patch(f"{module}.GC_UNLINK_LIMIT", 1):
            self.assertEqual(self.journal._gc_rows(), (1, True))

    def test_the_days_can_be_set(self):
        row = self.receive()
        self.age(row, 3)
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("mail_mailgun.keep_rows_days", "2")
        self.collect()
        self.assertFalse(row.exists())
