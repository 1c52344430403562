from datetime import timedelta
from unittest import SkipTest

from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .test_event_apply import EventCase

MAIL = "odoo.addons.mail.models.mail_mail"
THREAD = "odoo.addons.mail.models.mail_thread"


@tagged("post_install", "-at_install", "mailgun_mailings")
class TestMailingStatistics(EventCase):
    """Statistics of a mailing, in a database with mass_mailing."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "mailing.mailing" not in cls.env:
            raise SkipTest("the module mass_mailing is not installed")
        cls.mailing = cls.env["mailing.mailing"].create(
            {
                "name": "News",
                "subject": "News",
                "body_html": "<p>News</p>",
                "mailing_model_id": cls.env["ir.model"]._get_id("res.partner"),
                "email_from": "news@mail.example.com",
            }
        )

    def mailed(self):
        """A mail of the mailing to Anna, with what is counted of it."""
        mail = self.mail(
            email_to="anna@example.org",
            mailing_id=self.mailing.id,
            model="res.partner",
            res_id=self.anna.id,
        )
        trace = self.env["mailing.trace"].create(
            {
                "mass_mailing_id": self.mailing.id,
                "mail_mail_id": mail.id,
                "message_id": mail.message_id,
                "email": "anna@example.org",
                "model": "res.partner",
                "res_id": self.anna.id,
            }
        )
        return mail, trace

    def test_statistics_say_what_events_say(self):
        for event, status in (
            ("delivered", "sent"),
            ("opened", "open"),
            ("clicked", "open"),
            ("unsubscribed", "sent"),
        ):
            mail, trace = self.mailed()
            mail.send()
            self.tell(mail, event)
            self.apply()
            self.assertEqual(trace.trace_status, status, event)
        self.assertTrue(trace.sent_datetime)

    def test_what_no_event_ever_tells_of_counts_as_received_after_a_week(self):
        mail, trace = self.mailed()
        late, waiting = self.mailed()
        (mail | late).send()
        trace.trace_status = waiting.trace_status = "pending"
        self.rows(mail).sending_at -= timedelta(days=8)
        self.env.flush_all()
        self.deliveries._gc_pending_traces()
        self.assertEqual(
            (trace.trace_status, waiting.trace_status), ("sent", "pending")
        )
        self.mailing.invalidate_recordset(["received_ratio"])
        self.assertEqual(self.mailing.received_ratio, 50)

    def test_opens_and_clicks_have_their_dates(self):
        mail, trace = self.mailed()
        mail.send()
        for event in ("clicked", "opened"):
            self.tell(mail, event)
        self.apply()
        self.assertTrue(trace.open_datetime and trace.links_click_datetime)

    def test_an_open_by_a_program_is_not_counted(self):
        mail, trace = self.mailed()
        mail.send()
        self.tell(mail, "opened", **{"client-info": {"bot": "gmail"}})
        self.apply()
        self.assertFalse(trace.open_datetime)

    @mute_logger(THREAD)
    def test_a_bounce_is_one_with_the_words_of_the_mailbox(self):
        mail, trace = self.mailed()
        mail.send()
        self.bounce(mail)
        self.apply()
        self.assertEqual(trace.trace_status, "bounce")
        self.assertIn("no such user", trace.failure_reason)

    def test_what_somebody_answered_stays_answered(self):
        mail, trace = self.mailed()
        mail.send()
        trace.set_replied()
        self.tell(mail, "delivered")
        self.apply()
        self.assertEqual(trace.trace_status, "reply")

    def test_a_mail_that_waits_is_no_failure_of_the_mailing(self):
        mail, trace = self.mailed()
        self.mailgun.answer(429, {"message": "slow down"})
        mail.send()
        self.assertEqual(trace.trace_status, "outgoing")
        self.assertFalse(trace.failure_type)

    def test_retry_of_a_mailing_leaves_out_what_asks(self):
        asking, trace = self.mailed()
        asking.write({"state": "exception", "mailgun_wait": "uncertain"})
        failed = self.mail(state="exception", mailing_id=self.mailing.id)
        self.mailing.state = "done"
        action = self.mailing.action_retry_failed()
        self.assertTrue(asking.exists() and trace.exists())
        self.assertFalse(failed.exists())
        self.assertEqual(self.mailing.state, "in_queue")
        self.assertNotIn(self.anna.id, self.mailing._get_remaining_recipients())
        self.assertIn("1 email needs a decision", action["params"]["message"])

    def test_who_may_not_read_emails_retries_a_mailing_all_the_same(self):
        groups = "base.group_user,mass_mailing.group_mass_mailing_user"
        marketer = new_test_user(self.env, "marketer", groups)
        mailing = self.mailing.with_user(marketer)
        mailing.state = "done"
        self.assertIs(mailing.action_retry_failed(), None)
        asking, _trace = self.mailed()
        asking.write({"state": "exception", "mailgun_wait": "uncertain"})
        mailing.state = "done"
        told = mailing.action_retry_failed()["params"]["message"]
        self.assertIn("1 emails, about which an administrator decides", told)
        self.assertTrue(asking.exists())

    def test_retry_of_a_mailing_of_which_nothing_asks_is_cores(self):
        failed = self.mail(state="exception", mailing_id=self.mailing.id)
        self.mailing.state = "done"
        self.assertIs(self.mailing.action_retry_failed(), None)
        self.assertFalse(failed.exists())

    @mute_logger(MAIL)
    def test_a_refused_mail_is_a_failure_of_the_mailing(self):
        mail, trace = self.mailed()
        self.mailgun.answer(400, {"message": "no such template"})
        mail.send()
        self.assertEqual(trace.trace_status, "error")

    def test_opens_and_clicks_of_mailings_are_left_to_odoo(self):
        mail, _trace = self.mailed()
        mail.send()
        for option in ("o:tracking-opens", "o:tracking-clicks"):
            self.assertEqual(self.mailgun.seen[-1].values(option), ["no"])

    def test_a_domain_may_have_mailgun_track_mailings_too(self):
        self.domain.write({"tracking_opens": "yes", "tracking_clicks": "yes"})
        mail, _trace = self.mailed()
        mail.send()
        for option in ("o:tracking-opens", "o:tracking-clicks"):
            self.assertEqual(self.mailgun.seen[-1].values(option), ["yes"])
