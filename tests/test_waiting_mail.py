import ast
from datetime import timedelta

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .test_sending import MAIL, MailgunOutcomeCase


@tagged("post_install", "-at_install")
class TestWaitingMail(MailgunOutcomeCase):
    def waiting(self, wait, state="outgoing", **values):
        now = fields.Datetime.now()
        return self.mail(
            state=state,
            mailgun_wait=wait,
            mailgun_domain_ref=self.domain.id,
            mailgun_wait_reason="Mailgun cannot be reached.",
            mailgun_wait_since=now - timedelta(hours=1),
            **values,
        )

    @mute_logger(MAIL)
    def uncertain(self, *partners):
        """A mail of which Mailgun's answer was lost, and nobody could find out."""
        self.domain.key_kind = "sending"
        mail = self.message(*partners)
        self.mailgun.hang_up()
        mail.send()
        rows = self.rows(mail)
        rows.sending_at -= timedelta(hours=1)
        self.env["mailgun.delivery"]._settle()
        self.assertEqual((mail.state, mail.mailgun_wait), ("exception", "uncertain"))
        return mail

    def work(self, mail):
        self.env.flush_all()
        mail.send()
        self.env.invalidate_all()

    # --- in words --------------------------------------------------------------------

    def test_the_form_says_what_it_waits_for(self):
        soon = fields.Datetime.now() + timedelta(minutes=5)
        for wait, state, words in (
            ("wait", "outgoing", "goes out by itself"),
            ("setting", "outgoing", "to be repaired"),
            ("doubt", "outgoing", "confirmation until"),
            ("stale", "exception", "of no use any more"),
        ):
            with self.subTest(wait=wait):
                mail = self.waiting(wait, state, scheduled_date=soon)
                form = Form(mail, "mail.view_mail_form")
                self.assertIn(words, form.mailgun_wait_text)

    def test_a_mail_that_waits_for_nothing_says_nothing(self):
        self.assertFalse(self.mail().mailgun_wait_text)
        cancelled = self.waiting("stale", "cancel")
        self.assertFalse(cancelled.mailgun_wait_text)

    def test_the_form_shows_the_deliveries_of_the_mail(self):
        mail, other = self.message(self.anna, self.bob), self.message()
        (mail | other).send()
        self.env.invalidate_all()
        self.assertEqual(mail.mailgun_delivery_ids, self.rows(mail).sorted())
        self.assertEqual(len(other.mailgun_delivery_ids), 1)

    # --- uncertain -------------------------------------------------------------------

    def test_nobody_knows_names_time_and_recipient(self):
        mail = self.uncertain()
        self.assertIn("anna@example.org", mail.mailgun_wait_text)
        self.assertEqual(mail.mailgun_domain_ref, self.domain.id)

    def test_a_person_who_is_asked_is_not_passed_over(self):
        mail = self.uncertain()
        rows = self.rows(mail)
        rows.asked_at -= timedelta(hours=1)
        self.deliveries._settle()
        self.assertEqual(self.rows(mail), rows)
        self.assertEqual((mail.state, mail.mailgun_wait), ("exception", "uncertain"))

    def test_a_mail_that_has_arrived_is_not_sent_again(self):
        mail = self.uncertain()
        mail.action_mailgun_arrived()
        self.work(mail)
        self.assertEqual(mail.state, "sent")
        self.assertEqual(self.states(mail), {"anna@example.org": "accepted"})
        self.assertFalse(mail.mailgun_wait)
        self.assertEqual(len(self.posts()), 1)
        self.assertEqual(self.notifications(mail.mail_message_id), {"Anna": "sent"})

    def test_who_was_not_in_doubt_still_gets_it(self):
        mail = self.uncertain(self.anna, self.bob)
        self.rows(mail).filtered(lambda row: row.recipient[0] == "b").unlink()
        mail.action_mailgun_arrived()
        self.work(mail)
        self.assertEqual(self.posts()[-1], ["bob@example.org"])
        self.assertEqual(set(self.states(mail).values()), {"accepted"})

    def test_a_mail_that_is_sent_again_goes_out_a_second_time(self):
        mail = self.uncertain()
        mail.action_mailgun_send_again()
        self.work(mail)
        self.assertEqual((mail.state, len(self.posts())), ("sent", 2))
        self.assertEqual(self.rows(mail).mapped("attempt"), [1, 2])

    # --- too old ---------------------------------------------------------------------

    def test_stale_mail_is_sent_by_the_queue_when_somebody_says_so(self):
        tomorrow = fields.Datetime.now() + timedelta(days=1)
        mail = self.waiting("stale", "exception", scheduled_date=tomorrow)
        triggers = self.env["ir.cron.trigger"]
        before = triggers.search([])
        mail.action_mailgun_send()
        queue = self.env.ref("mail.ir_cron_mail_scheduler_action")
        self.assertEqual((triggers.search([]) - before).cron_id, queue)
        self.assertFalse(mail.scheduled_date)
        self.work(mail)
        self.assertEqual((mail.state, len(self.posts())), ("sent", 1))

    def test_mail_that_waits_is_sent_at_once_however_old(self):
        tomorrow = fields.Datetime.now() + timedelta(days=1)
        mail = self.waiting("wait", scheduled_date=tomorrow)
        mail.mailgun_wait_since -= timedelta(days=1)
        mail.with_user(self.env.ref("base.user_admin")).action_mailgun_send()
        self.env.invalidate_all()
        self.env["mail.mail"].process_email_queue()
        self.assertEqual((mail.state, mail.mailgun_attempt), ("sent", 1))

    def test_discarded_mail_is_red_for_nobody(self):
        mail = self.message()
        mail.write({"state": "exception", "mailgun_wait": "stale"})
        notification = mail.mail_message_id.notification_ids
        notification.notification_status = "exception"
        mail.action_mailgun_discard()
        self.assertEqual(mail.state, "cancel")
        self.assertEqual(notification.notification_status, "canceled")

    def test_what_is_decided_is_not_decided_again(self):
        mail = self.waiting("stale", "exception")
        mail.action_mailgun_discard()
        for decision in ("send", "send_again", "arrived", "discard"):
            with self.assertRaises(UserError):
                getattr(mail, f"action_mailgun_{decision}")()

    # --- nobody decides by mistake ---------------------------------------------------

    def test_retry_leaves_out_what_asks_and_points_at_it(self):
        asking = self.uncertain() | self.waiting("stale", "exception")
        refused = self.mail(state="exception")
        posted = len(self.posts())
        mails = asking | refused
        for retry in (mails.action_retry, mails.mark_outgoing):
            with self.subTest(retry=retry.__name__):
                refused.state = "exception"
                params = retry()["params"]
                self.assertEqual(asking.mapped("state"), ["exception"] * 2)
                self.assertEqual(refused.state, "outgoing")
                self.assertIn("2 emails need a decision", params["message"])
                (link,) = params["links"]
                self.assertIn("mail_mail_action_decide", link["url"])
        self.work(asking)
        self.assertEqual(len(self.posts()), posted)
        action = self.env.ref("mail_mailgun.mail_mail_action_decide")
        domain = ast.literal_eval(action.domain)
        self.assertEqual(self.env["mail.mail"].search(domain), asking)

    def test_retry_of_other_mail_is_cores(self):
        mails = self.mail(state="exception") | self.mail(state="cancel")
        self.assertIs(mails.action_retry(), None)
        self.assertEqual(mails.mapped("state"), ["outgoing", "cancel"])
        self.assertIs(mails.mark_outgoing(), True)
        self.assertEqual(mails.mapped("state"), ["outgoing", "outgoing"])

    def test_a_single_mail_that_asks_is_opened_by_the_link(self):
        mail = self.waiting("stale", "exception")
        params = mail.mark_outgoing()["params"]
        self.assertIn("1 email needs a decision", params["message"])
        self.assertTrue(params["links"][0]["url"].endswith(f"/{mail.id}"))

    @mute_logger(MAIL)
    def test_whatever_puts_it_back_into_the_queue_somebody_is_asked_again(self):
        for mail in (self.uncertain(), self.waiting("stale", "exception")):
            with self.subTest(wait=mail.mailgun_wait):
                wait, posted = mail.mailgun_wait, len(self.posts())
                mail.write({"state": "outgoing"})
                self.work(mail)
                self.assertEqual((mail.state, mail.mailgun_wait), ("exception", wait))
                self.assertTrue(mail.failure_reason)
                self.assertEqual(len(self.posts()), posted)

    # --- many at once ----------------------------------------------------------------

    def test_many_are_decided_at_once_and_what_does_not_fit_is_left_out(self):
        stale = self.waiting("stale", "exception") | self.waiting("stale", "exception")
        uncertain = self.uncertain()
        action = (stale | uncertain | self.mail()).action_mailgun_send()
        self.assertIn("2 emails", action["params"]["message"])
        self.assertIn("2 skipped", action["params"]["message"])
        self.assertEqual(uncertain.state, "exception")
        self.assertEqual(stale.mapped("state"), ["outgoing"] * 2)
        action = (stale | uncertain).action_mailgun_send_again()
        self.assertIn("1 email", action["params"]["message"])
        self.assertEqual(uncertain.state, "outgoing")

    def test_many_are_discarded_at_once(self):
        mails = self.waiting("stale", "exception") | self.uncertain()
        action = (mails | self.mail()).action_mailgun_discard()
        self.assertEqual(mails.mapped("state"), ["cancel"] * 2)
        self.assertIn("2 emails", action["params"]["message"])
        self.assertIn("1 skipped", action["params"]["message"])

    # --- health ----------------------------------------------------------------------

    def health(self, title):
        lines = self.domain._health_of_outgoing()
        return next((line for line in lines if line.title == title), None)

    def test_each_kind_of_waiting_is_told_with_what_to_do(self):
        for wait, state, title, words in (
            ("wait", "outgoing", "Emails waiting", "by itself"),
            ("setting", "outgoing", "Emails blocked", "by itself"),
            ("doubt", "outgoing", "Delivery being checked", "being asked"),
            ("stale", "exception", "Waited too long", "Send or Discard"),
            ("uncertain", "exception", "Delivery unknown", "Mark as Delivered"),
        ):
            with self.subTest(wait=wait):
                self.waiting(wait, state)
                line = self.health(title)
                # An hour is long, so even what passes by itself is looked at.
                self.assertEqual(line.level, "warning")
                self.assertIn("Emails: 1,", line.text)
                self.assertIn(words, line.remedy)
        self.domain.invalidate_recordset()
        self.assertEqual(self.domain.waiting_count, 5)

    def test_what_blocks_mail_is_said_in_the_mails_own_words(self):
        self.waiting("setting").write(
            {
                "mailgun_wait_reason": "Mailgun does not accept the API key.",
                "scheduled_date": "2026-11-27 12:00:00",
            }
        )
        text = self.health("Emails blocked").text
        self.assertIn("Mailgun does not accept the API key. Next attempt: ", text)

    def test_mail_that_just_began_to_wait_worries_nobody(self):
        self.waiting("wait").mailgun_wait_since = fields.Datetime.now()
        self.assertEqual(self.health("Emails waiting").level, "info")

    def test_mail_of_another_domain_is_not_told(self):
        self.waiting("wait").mailgun_domain_ref = self.domain.id + 1
        self.assertEqual(self.domain._health_of_outgoing(), [])

    def test_a_waiting_mail_remembers_its_domain(self):
        mail = self.mail()
        self.limit(minutes=10)
        with mute_logger(MAIL):
            mail.send()
        self.assertIn("limit", self.health("Emails waiting") and mail.mailgun_wait_text)

    def test_a_message_in_doubt_that_has_no_mail_is_told(self):
        self.deliveries.create(
            {
                "domain_id": self.domain.id,
                "message_id": "<1@x>",
                "recipient": "anna@example.org",
                "sending_at": fields.Datetime.now() - timedelta(minutes=10),
            }
        )
        self.assertIn("1 recipients", self.health("Messages in doubt").text)

    def test_the_buttons_of_the_domain_open_what_they_say(self):
        mail = self.waiting("wait")
        self.mail()
        action = self.domain.action_open_waiting()
        found = self.env["mail.mail"].search(action["domain"])
        self.assertEqual(found, mail)
        action = self.domain.action_open_deliveries()
        self.assertEqual(action["res_model"], "mailgun.delivery")
