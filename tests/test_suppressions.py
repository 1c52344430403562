import contextlib
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.mail_mailgun.models.suppressions import lists as suppression_pull
from odoo.addons.mail_mailgun.models.suppressions.lists import SuppressionPull
from odoo.addons.mail_mailgun.models.transactions.locks import lock_for_sending

from .common import DOMAIN
from .test_missed_events import AskingCase

THREAD = "odoo.addons.mail.models.mail_thread"


class SuppressionCase(AskingCase):
    def setUp(self):
        super().setUp()
        # Core tells of each bounce that it takes.
        self.enterContext(mute_logger(THREAD))

    def suppress(self, name, address="anna@example.org", **item):
        self.mailgun.suppress(name, address, **item)

    @contextlib.contextmanager
    def held(self, message_id):
        """Somebody else sends a message meanwhile."""
        with contextlib.closing(self.registry._db.cursor()) as cursor:
            lock_for_sending(cursor, 1, message_id)
            yield

    def blacklisted(self, address="anna@example.org"):
        found = self.env["mail.blacklist"].search([("email", "=", address)])
        return bool(found)


@tagged("post_install", "-at_install")
class TestBounces(SuppressionCase):
    def test_the_last_delivery_is_suppressed_and_says_what_to_do(self):
        first, last = self.sent(), self.sent()
        self.suppress("bounces", "Anna@Example.org", code="550", error="No such user.")
        self.ask()
        self.assertEqual(self.rows(first).state, "accepted")
        row = self.rows(last)
        self.assertEqual(row.state, "suppressed")
        self.assertTrue(row.suppressed_at)
        self.assertIn("550 No such user. When the mailbox works again", row.reason)
        self.assertIn("Lift Suppression", row.reason)

    def test_what_has_arrived_stays_arrived(self):
        for state in ("delivered", "opened", "clicked"):
            mail = self.sent()
            row = self.rows(mail)
            row.write({"state": state, "delivered_at": row.sending_at})
            mail.mail_message_id.notification_ids.notification_status = "sent"
            self.suppress("bounces", ago=-60)
            self.domain.suppression_readings = False
            self.ask()
            self.assertEqual((row.state, row.suppressed_at), (state, False))
            status = self.notifications(mail.mail_message_id)
            self.assertEqual(status, {"Anna": "sent"})

    def test_the_author_sees_it_at_the_message(self):
        mail = self.sent(self.anna, self.bob)
        self.suppress("bounces", error="No such user")
        self.ask()
        message = mail.mail_message_id
        self.assertEqual(self.notifications(message)["Anna"], "bounce")
        self.assertNotEqual(self.notifications(message)["Bob"], "bounce")
        failed = message.notification_ids.filtered("failure_type")
        self.assertIn("No such user", failed.failure_reason)

    def test_an_address_is_counted_once(self):
        self.sent()
        self.suppress("bounces")
        for _hour in range(3):
            self.ask()
        self.assertEqual(self.anna.message_bounce, 1)

    def test_a_contact_who_was_never_written_to_is_counted_once_too(self):
        self.suppress("bounces", "bob@example.org")
        self.suppress("bounces", "BOB@example.org")
        for _hour in range(3):
            self.ask()
        self.assertEqual(self.bob.message_bounce, 1)

    def test_a_bounce_that_an_event_told_is_not_counted_again(self):
        row = self.rows(self.sent())
        row.write(
            {
                "state": "bounced",
                "bounced_at": fields.Datetime.now(),
                "bounce_counted": True,
                "reason": "550 no such user",
            }
        )
        self.sent()
        self.suppress("bounces")
        self.ask()
        self.assertEqual(self.anna.message_bounce, 0)
        self.assertEqual(row.state, "bounced")

    def test_what_came_first_is_not_taken_back(self):
        row = self.rows(self.sent())
        bounced = {"state": "bounced", "bounced_at": fields.Datetime.now()}
        row.write({**bounced, "reason": "550 no such user"})
        self.suppress("bounces", ago=-60)
        self.ask()
        self.assertEqual((row.state, row.reason), ("bounced", "550 no such user"))

    def test_strangers_are_none_of_our_business(self):
        self.suppress("bounces", "stranger@example.org")
        self.suppress("complaints", "stranger@example.org")
        self.suppress("unsubscribes", "stranger@example.org")
        self.ask()
        self.assertFalse(self.blacklisted("stranger@example.org"))

    def test_a_suppression_is_not_shown_before_the_mail_was_sent(self):
        mail = self.sent()
        self.suppress("bounces", ago=timedelta(days=900).total_seconds())
        self.ask()
        row = self.rows(mail)
        self.assertGreaterEqual(row.suppressed_at, row.sending_at)

    def test_a_message_that_is_being_sent_is_dealt_with_by_the_next_run(self):
        mail = self.sent()
        self.suppress("bounces")
        with self.held(mail.message_id):
            self.ask()
        self.assertEqual(self.rows(mail).state, "accepted")
        self.ask()
        self.assertEqual(self.rows(mail).state, "suppressed")

    def test_mail_in_doubt_stays_in_doubt(self):
        mail = self.sent()
        self.rows(mail).write({"state": "sending", "accepted_at": False})
        self.suppress("bounces")
        self.ask()
        self.assertEqual(self.rows(mail).state, "sending")

    def test_an_entry_of_another_domain_is_about_mail_of_that_domain(self):
        mail = self.sent()
        other = self.domain.copy({"name": "other.example.com", "api_key": "key"})
        self.rows(mail).domain_id = other
        self.suppress("bounces")
        self.ask()
        self.assertEqual(self.rows(mail).state, "accepted")
        self.assertEqual(self.anna.message_bounce, 1)


@tagged("post_install", "-at_install")
class TestBlacklist(SuppressionCase):
    def test_who_unsubscribed_or_complained_gets_no_newsletters(self):
        self.suppress("unsubscribes", tags=["*"])
        self.suppress("complaints", "bob@example.org")
        self.ask()
        self.assertTrue(self.blacklisted())
        self.assertTrue(self.blacklisted("bob@example.org"))

    def test_who_was_only_written_to_is_known_as_well(self):
        self.mail(email_to="customer@example.org").send()
        self.suppress("unsubscribes", "Customer@example.org")
        self.ask()
        self.assertTrue(self.blacklisted("customer@example.org"))

    def test_the_domain_may_leave_the_blacklist_alone(self):
        switches = ("blacklist_unsubscribed", "blacklist_complained")
        self.domain.write(dict.fromkeys(switches, False))
        self.suppress("unsubscribes")
        self.suppress("complaints")
        self.ask()
        self.assertFalse(self.blacklisted())
        self.domain.blacklist_unsubscribed = True
        self.ask()
        self.assertTrue(self.blacklisted())

    def test_the_contact_says_since_when_and_why_it_gets_nothing(self):
        self.assertFalse(self.anna.mailgun_suppression)
        self.suppress("bounces", "Anna@Example.org", error="No such user")
        self.suppress("unsubscribes", tags=["offers"])
        self.ask()
        self.anna.invalidate_recordset()
        text = self.anna.mailgun_suppression
        self.assertIn("delivers nothing to anna@example.org from mail.example", text)
        self.assertIn("mail to it came back (No such user).", text)
        self.assertIn("no mail with the tags offers", text)
        self.assertFalse(self.bob.mailgun_suppression)

    def test_an_employee_may_read_it_at_the_contact_and_nowhere_else(self):
        self.suppress("bounces")
        self.ask()
        employee = new_test_user(self.env, "employee", "base.group_user")
        self.env.invalidate_all()
        anna = self.anna.with_user(employee)
        self.assertTrue(anna.mailgun_suppression)
        with self.assertRaises(AccessError):
            self.env["mailgun.suppression"].with_user(employee).search([])
        with self.assertRaises(AccessError):
            anna.action_mailgun_lift_suppression()

    def test_who_is_taken_off_a_list_at_mailgun_is_forgotten_here(self):
        self.suppress("bounces")
        self.suppress("complaints")
        self.ask()
        self.env.cr.execute("UPDATE mailgun_suppression SET seen_at = '2020-01-01'")
        self.mailgun.suppressed["complaints"].clear()
        self.ask()
        self.anna.invalidate_recordset()
        self.assertIn("came back", self.anna.mailgun_suppression)
        self.assertNotIn("spam", self.anna.mailgun_suppression)

    def test_lifting_is_offered_at_the_contact_and_takes_the_note_away(self):
        self.suppress("bounces")
        self.ask()
        action = self.anna.action_mailgun_lift_suppression()
        wizard = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual(wizard.address, "anna@example.org")
        wizard.action_lift()
        self.anna.invalidate_recordset()
        self.assertFalse(self.anna.mailgun_suppression)

    def test_who_was_suppressed_before_an_upgrade_is_noted_and_not_counted_again(self):
        self.suppress("bounces")
        self.ask()
        self.env["mailgun.suppression"].sudo().search([]).unlink()
        readings = {**self.domain.suppression_readings}
        readings["bounces"] = {**readings["bounces"]}
        del readings["bounces"]["noted"]
        self.domain.suppression_readings = readings
        self.ask()
        self.anna.invalidate_recordset()
        self.assertTrue(self.anna.mailgun_suppression)
        self.assertEqual(self.anna.message_bounce, 1)

    def test_one_tag_that_is_refused_is_not_every_newsletter(self):
        self.suppress("unsubscribes", tags=["offers"])
        self.ask()
        self.assertFalse(self.blacklisted())

    def test_whom_somebody_took_off_the_blacklist_stays_off(self):
        self.suppress("unsubscribes", ago=60)
        self.ask()
        self.env["mail.blacklist"]._remove("anna@example.org")
        self.domain.suppression_readings = False
        self.ask()
        self.assertFalse(self.blacklisted())

    def test_who_unsubscribes_anew_is_blacklisted_anew(self):
        self.env["mail.blacklist"]._remove("anna@example.org")
        self.suppress("unsubscribes", ago=-60)
        self.ask()
        self.assertTrue(self.blacklisted())

    def test_nothing_is_changed_at_mailgun(self):
        self.env["mail.blacklist"]._add("bob@example.org")
        for name in ("bounces", "complaints", "unsubscribes"):
            self.suppress(name)
        self.ask()
        self.assertEqual(self.mailgun.changes(), [])


@tagged("post_install", "-at_install")
class TestReadingLists(SuppressionCase):
    def setUp(self):
        super().setUp()
        self.mailgun.page_size = 2
        self.partners = self.env["res.partner"].create(
            [
                {"name": f"P{number}", "email": f"p{number}@example.org"}
                for number in range(5)
            ]
        )
        for partner in self.partners:
            self.suppress("bounces", partner.email)
        self.env.flush_all()

    def counts(self):
        self.env.invalidate_all()
        return self.partners.mapped("message_bounce")

    def test_a_long_list_is_read_to_its_end(self):
        self.ask()
        self.assertEqual(self.counts(), [1, 1, 1, 1, 1])
        self.assertEqual(len(self.asked("bounces")), 4)

    def test_a_run_whose_time_is_up_leaves_the_rest_to_the_next(self):
        pull = SuppressionPull(self.domain, "bounces")
        self.assertFalse(pull.run(lambda: False))
        self.assertEqual(self.counts(), [1, 1, 0, 0, 0])
        self.mailgun.seen.clear()
        self.assertTrue(SuppressionPull(self.domain, "bounces").run(lambda: True))
        self.assertEqual(self.counts(), [1, 1, 1, 1, 1])
        self.assertIn("page=next", self.asked("bounces")[0])

    def test_a_page_is_dealt_with_in_portions_and_none_twice(self):
        self.mailgun.page_size = 100
        self.patch(suppression_pull, "_PORTION", 2)
        results = []
        while not (results and results[-1]):
            run = SuppressionPull(self.domain, "bounces").run(lambda: False)
            results.append(run)
            self.assertLess(len(results), 9)
        self.assertEqual(self.counts(), [1, 1, 1, 1, 1])
        self.assertGreater(len(results), 2)

    def test_what_is_known_costs_no_query(self):
        self.mailgun.page_size = 100
        costs = []
        for _round in range(2):
            self.ask()
            before = self.env.cr.sql_log_count
            self.ask()
            costs.append(self.env.cr.sql_log_count - before)
            for number in range(50):
                self.suppress("bounces", f"stranger{number}@example.org", ago=3600)
        self.assertEqual(*costs)

    def test_a_page_that_is_gone_is_no_dead_end(self):
        SuppressionPull(self.domain, "bounces").run(lambda: False)
        self.mailgun.answer(200, {"items": [], "paging": {}})  # events
        self.mailgun.answer(400, {"message": "parameter 'address' is not valid"})
        self.ask()
        self.assertIn("not valid", self.domain.poll_trouble)
        self.ask()
        self.assertFalse(self.domain.poll_trouble)
        self.assertTrue(all(self.counts()))

    def test_a_sending_key_is_named_on_the_health(self):
        self.domain.key_kind = "sending"
        (line,) = self.domain._health_of_suppressions()
        self.assertEqual(line.level, "info")
        self.assertIn("sending key", line.text)

    def test_a_key_that_may_not_read_is_named_on_the_health(self):
        self.mailgun.answer(401, {"message": "Invalid private key"})
        self.ask()
        (line,) = self.domain._health_of_suppressions()
        self.assertEqual(line.level, "warning")
        self.assertIn(DOMAIN, line.text)

    def test_a_domain_that_works_has_no_such_line(self):
        self.ask()
        self.assertEqual(self.domain._health_of_suppressions(), [])
