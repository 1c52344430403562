from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from odoo.addons.mail_mailgun.models.transactions import retention

from .common import DOMAIN
from .test_sending import MailgunOutcomeCase


@tagged("post_install", "-at_install")
class TestRetention(MailgunOutcomeCase):
    def ago(self, days):
        return fields.Datetime.now() - timedelta(days=days)

    def delivery(self, days):
        return self.deliveries.create(
            {
                "domain_id": self.domain.id,
                "message_id": f"<{days}@{DOMAIN}>",
                "recipient": "anna@example.org",
                "sending_at": self.ago(days),
            }
        )

    def event(self, days):
        return self.env["mailgun.event"].create(
            {
                "domain_id": self.domain.id,
                "event_id": f"event-{days}",
                "event": "delivered",
                "occurred_at": self.ago(days),
                "day": self.ago(days).date(),
            }
        )

    def left(self, records, collect):
        self.env.flush_all()
        result = collect()
        return [bool(record.exists()) for record in records], result

    def test_deliveries_are_kept_for_a_year(self):
        rows = [self.delivery(days) for days in (364, 366)]
        left, result = self.left(rows, self.deliveries._gc_deliveries)
        self.assertEqual((left, result), ([True, False], (1, False)))

    def test_events_are_kept_for_ninety_days(self):
        rows = [self.event(days) for days in (89, 91)]
        left, result = self.left(rows, self.env["mailgun.event"]._gc_events)
        self.assertEqual((left, result), ([True, False], (1, False)))

    def test_parameters_change_the_days(self):
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("mail_mailgun.keep_deliveries_days", "10")
        parameters.set_param("mail_mailgun.keep_events_days", "a month")
        rows = [self.delivery(11)]
        self.assertEqual(self.left(rows, self.deliveries._gc_deliveries)[0], [False])
        rows = [self.event(80)]
        self.assertEqual(
            self.left(rows, self.env["mailgun.event"]._gc_events)[0], [True]
        )

    def test_what_is_more_than_a_batch_is_removed_by_the_next_call(self):
        self.patch(retention, "_BATCH", 2)
        rows = [self.delivery(days) for days in (400, 401, 402)]
        left, result = self.left(rows, self.deliveries._gc_deliveries)
        self.assertEqual((sum(left), result), (1, (2, True)))
        self.assertEqual(self.deliveries._gc_deliveries(), (1, False))

    # --- mail that nobody tells anything of ------------------------------------------

    def pending(self, days):
        mail = self.message()
        mail.send()
        self.rows(mail).sending_at = self.ago(days)
        notification = mail.mail_message_id.notification_ids
        notification.notification_status = "pending"
        return notification

    def statuses(self, *notifications):
        self.env.flush_all()
        self.env["mail.notification"]._gc_mailgun_pending()
        return [one.notification_status for one in notifications]

    def test_a_mail_on_its_way_for_a_week_counts_as_delivered(self):
        found = self.statuses(self.pending(8), self.pending(6))
        self.assertEqual(found, ["sent", "pending"])

    def test_a_mail_that_was_sent_again_is_on_its_way_since_then(self):
        notification = self.pending(8)
        again = self.delivery(1)
        again.message_id = notification.mail_message_id.message_id
        self.assertEqual(self.statuses(notification), ["pending"])

    def test_what_did_not_go_through_mailgun_is_left_alone(self):
        notification = self.pending(8)
        self.deliveries.search([]).unlink()
        self.assertEqual(self.statuses(notification), ["pending"])

    def test_another_kind_of_notification_is_none_of_ours(self):
        notification = self.pending(8)
        notification.notification_type = "inbox"
        self.assertEqual(self.statuses(notification), ["pending"])
