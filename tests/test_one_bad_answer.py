from datetime import timedelta

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from .recorded import recorded
from .test_missed_events import AskingCase
from .test_recovery import FETCHMAIL
from .test_sending import MAIL, MailgunOutcomeCase


@tagged("post_install", "-at_install")
class TestOneBadAnswer(MailgunOutcomeCase):
    """What Mailgun says of one mail, or of one address, is no matter of the others."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.carl = cls.env["res.partner"].create(
            {"name": "Carl", "email": "carl@example.org"}
        )

    def refuse(self, name, before=0):
        """Have Mailgun give a recorded answer, after some mails that it takes."""
        for number in range(before):
            taken = {"id": f"<{number}@mailgun.test>", "message": "Queued. Thank you."}
            self.mailgun.answer(200, taken)
        recorded("sending")[name].queue(self.mailgun)

    @mute_logger(MAIL)
    def test_an_address_that_is_none_is_no_matter_of_those_after_it(self):
        for name in ("the address is none", "the address is none, in older words"):
            self.mailgun.seen.clear()
            mail = self.message(self.anna, self.bob, self.carl)
            self.refuse(name, before=1)
            mail.send()
            self.assertEqual(len(self.posts()), 3)
            self.assertEqual(mail.state, "sent")
            states = sorted(self.states(mail).values())
            self.assertEqual(states, ["accepted", "accepted", "failed"])

    @mute_logger(MAIL)
    def test_a_stranger_to_a_test_account_blocks_nobody(self):
        for name in (
            "a free account and a stranger",
            "a sandbox domain and a stranger",
        ):
            mails = self.mail() + self.mail() + self.mail()
            self.refuse(name)
            mails.send()
            self.assertEqual(mails.mapped("state"), ["exception", "sent", "sent"])
            self.assertIn("authorized recipients", mails[0].failure_reason)

    @mute_logger(MAIL)
    def test_a_mail_to_too_many_blocks_nobody(self):
        mails = self.mail() + self.mail()
        self.refuse("large batches")
        mails.send()
        self.assertEqual(mails.mapped("state"), ["exception", "sent"])
        self.assertIn("fewer recipients", mails[0].failure_reason)

    @mute_logger(MAIL)
    def test_a_domain_that_may_not_send_waits_with_the_remedy_that_fits(self):
        for name, words in (
            ("a disabled account", "support can lift it"),
            ("a spent allowance", "have the limit raised"),
            ("an unverified domain", "Check DNS"),
        ):
            self.mailgun.seen.clear()
            mails = self.mail() + self.mail()
            self.refuse(name)
            mails.send()
            self.assertEqual(set(mails.mapped("mailgun_wait")), {"setting"})
            self.assertEqual(len(self.posts()), 1)
            for mail in mails:
                self.assertIn(words, mail.mailgun_wait_reason)
                self.assertIn("is not allowed to send", mail.mailgun_wait_reason)

    def test_a_page_of_a_proxy_refuses_no_mail(self):
        mails = self.mail() + self.mail()
        self.refuse("what the API does not have")
        mails.send()
        self.assertEqual(mails.mapped("state"), ["outgoing", "sent"])
        self.assertEqual(mails[0].mailgun_wait, "wait")
        self.assertIn("not understood", mails[0].mailgun_wait_reason)
        self.assertGreater(mails[0].scheduled_date, fields.Datetime.now())

    def test_a_pause_ends_when_mailgun_says(self):
        mail = self.mail()
        self.refuse("probation with its end")
        mail.send()
        left = mail.scheduled_date - fields.Datetime.now()
        self.assertAlmostEqual(left, timedelta(seconds=341), delta=timedelta(seconds=9))

    @mute_logger(MAIL)
    def test_whatever_is_answered_no_mail_waits_for_another_without_a_reason(self):
        from .any_answer import for_any_answer

        @for_any_answer(30)
        def check(answer):
            self.mailgun.answers.clear()
            self.mailgun.seen.clear()
            mails = self.mail() + self.mail()
            status, body, headers = answer
            self.mailgun.answer(status, body, headers)
            mails.send()
            first, second = mails
            if first.state == "exception":
                # A verdict about this mail, in words that Mailgun has given.
                self.assertIn(status, (400, 403, 413))
                self.assertTrue(first.failure_reason)
            else:
                self.assertEqual(first.state, "outgoing")
                self.assertTrue(first.mailgun_wait_reason)
            if first.mailgun_wait != "setting" and status not in (420, 429):
                self.assertEqual(second.state, "sent")

        check()


@tagged("post_install", "-at_install")
class TestAnyAnswerToJobs(AskingCase):
    """Whatever Mailgun, or somebody in its place, answers: no job raises."""

    def setUp(self):
        super().setUp()
        self.mailgun.hang_up()
        self.doubtful = self.message()
        self.doubtful.send()
        self.row = self.rows(self.doubtful)
        self.domain._setup_incoming_server()
        self.server = self.domain.incoming_server_ids

    def run_jobs(self):
        self.row.write({"sending_at": "2020-01-01 00:00:00", "asked_at": False})
        self.env.flush_all()
        self.env["mailgun.domain"]._check_daily()
        self.env["mailgun.domain"]._poll()
        self.env["mailgun.delivery"]._settle()
        self.server._fetch_mail()
        self.env.invalidate_all()

    @mute_logger(MAIL, FETCHMAIL)
    def test_jobs_end_and_prove_nothing_by_it(self):
        from .any_answer import for_any_answer, strategies

        @for_any_answer(15, statuses=strategies.integers(200, 599))
        def check(answer):
            self.mailgun.respond = lambda _seen: answer
            self.run_jobs()
            # Nobody has said that Mailgun does not know the mail.
            self.assertEqual(self.row.exists().state, "sending")

        check()
