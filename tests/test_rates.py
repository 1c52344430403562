from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from odoo.addons.mail_mailgun.models.events.rates import Outcome

from .common import DOMAIN, MailgunCase


@tagged("post_install", "-at_install")
class TestRates(MailgunCase):
    def deliver(self, days_ago=1, **counts):
        """Deliveries by state, of some days ago."""
        at = fields.Datetime.now() - timedelta(days=days_ago)
        self.env["mailgun.delivery"].create(
            [
                {
                    "domain_id": self.domain.id,
                    "message_id": f"<{days_ago}.{state}.{number}@{DOMAIN}>",
                    "recipient": "anna@example.org",
                    "recipient_domain": "example.org",
                    "state": state,
                    "sending_at": at,
                    "opened_at": at if state in ("opened", "clicked") else False,
                    "clicked_at": at if state == "clicked" else False,
                }
                for state, count in counts.items()
                for number in range(count)
            ]
        )

    def test_only_what_was_tried_in_the_last_days_counts(self):
        self.deliver(delivered=3, opened=2, bounced=1, suppressed=4, sending=5)
        self.deliver(days_ago=8, bounced=7)
        outcome = self.domain._recent_outcome()
        self.assertEqual(outcome, Outcome(tried=6, arrived=5, bounced=1))

    def test_a_domain_without_mail_has_nothing_to_say(self):
        self.assertEqual(self.domain._health_of_rates(), [])

    def test_too_little_mail_is_not_judged(self):
        self.deliver(delivered=50, bounced=49)
        (line,) = self.domain._health_of_rates()
        self.assertEqual(line.level, "info")
        self.assertIn("99 recipients in 7 days, and it takes 100", line.text)

    def test_bounces_are_warned_of_before_mailgun_acts(self):
        for bounced, level in ((29, "ok"), (30, "warning"), (49, "warning")):
            line = self.domain._health_of_bounces(Outcome(1000, 950, bounced))
            self.assertEqual(line.level, level, bounced)
        line = self.domain._health_of_bounces(Outcome(1000, 950, 50))
        self.assertEqual(line.level, "error")
        self.assertTrue(line.text.startswith("5.0 % of 1000 recipients"))
        self.assertIn("correct the addresses", line.remedy)

    def test_complaints_are_warned_of_before_mailbox_providers_act(self):
        for complained, level in ((7, "ok"), (8, "warning"), (29, "warning")):
            outcome = Outcome(10000, 10000, 0, complained)
            line = self.domain._health_of_complaints(outcome)
            self.assertEqual(line.level, level, complained)
        line = self.domain._health_of_complaints(Outcome(10000, 10000, 0, 30))
        self.assertEqual(line.level, "error")
        self.assertIn("less than 0.10 %", line.text)

    def test_complaints_take_a_thousand_mails(self):
        self.deliver(delivered=100, complained=1)
        (line,) = self.domain._health_of_rates()
        self.assertEqual((line.title, line.level), ("Bounces", "ok"))

    def test_health_shows_the_rates(self):
        self.deliver(delivered=90, bounced=10)
        titles = [line.title for line in self.domain._health_lines()]
        self.assertIn("Bounces", titles)
        self.domain.invalidate_recordset()
        self.assertEqual(self.domain.health_level, "error")

    def test_the_limit_is_told_by_the_daily_check(self):
        self.deliver(delivered=90, bounced=10)
        self.domain._check_alone()
        self.env["mailgun.alarm"]._judge_all()
        self.env.invalidate_all()
        notes = self.domain.activity_ids.mapped("note")
        self.assertTrue([note for note in notes if "Mailgun disables" in note], notes)

    # --- graph and pivot -------------------------------------------------------------

    def test_the_pivot_knows_shares_of_what_was_tried(self):
        self.deliver(delivered=4, opened=2, clicked=1, bounced=2, complained=1)
        self.deliver(days_ago=2, suppressed=5, sending=5)
        ((_name, *rates),) = self.env["mailgun.delivery"]._read_group(
            [("domain_id", "=", self.domain.id)],
            ["recipient_domain"],
            [
                "delivered_rate:avg",
                "opened_rate:avg",
                "clicked_rate:avg",
                "bounced_rate:avg",
                "complained_rate:avg",
            ],
        )
        self.assertEqual([float(rate) for rate in rates], [80, 30, 10, 20, 10])

    def test_shares_are_offered_as_measures(self):
        found = self.env["mailgun.delivery"].fields_get(["delivered_rate"])
        self.assertEqual(found["delivered_rate"]["aggregator"], "avg")
