import logging
import os
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.base.models.ir_mail_server import MailDeliveryException
from odoo.addons.mail_mailgun.hooks import uninstall_hook
from odoo.addons.mail_mailgun.models.domain.health import _last_noted
from odoo.addons.mail_mailgun.models.transactions.budget import Budget
from odoo.addons.mail_mailgun.tools.event_post import event_of

from .common import API_KEY, DOMAIN, MailgunSendingCase
from .connected_mailgun import as_entry
from .local_mailgun import QUEUED

DOUBT = "odoo.addons.mail_mailgun.models.outgoing.doubt"
MAIL = "odoo.addons.mail.models.mail_mail"
REFUSED_ADDRESS = {
    "message": "to parameter is not a valid address. please check documentation"
}


class MailgunOutcomeCase(MailgunSendingCase):
    """Chatter messages to contacts, and what Mailgun is told of them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.anna, cls.bob = cls.env["res.partner"].create(
            [
                {"name": "Anna", "email": "anna@example.org"},
                {"name": "Bob", "email": "bob@example.org"},
            ]
        )
        cls.deliveries = cls.env["mailgun.delivery"]

    def message(self, *partners):
        """A message to contacts whose mail is not sent yet; return the mail."""
        message = self.anna.with_context(mail_notify_force_send=False).message_post(
            body="Our offer",
            partner_ids=[partner.id for partner in partners or (self.anna,)],
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
        )
        mail = self.env["mail.mail"].search([("mail_message_id", "=", message.id)])
        # So that it can still be looked at once it is sent.
        mail.auto_delete = False
        return self.as_committed(mail)

    def mail(self, **values):
        mail = self.env["mail.mail"].create(
            {
                "email_from": f"sales@{DOMAIN}",
                "email_to": "customer@example.org",
                "subject": "Our offer",
                "body_html": "<p>text</p>",
                **values,
            }
        )
        return self.as_committed(mail)

    def rows(self, mail):
        """The deliveries of a mail, as the database has them now."""
        self.env.invalidate_all()
        return self.deliveries.search([("mail_id", "=", mail.id)], order="id")

    def states(self, mail):
        return {row.recipient: row.state for row in self.rows(mail)}

    def notifications(self, message):
        return {
            one.res_partner_id.name: one.notification_status
            for one in message.notification_ids
        }

    def posts(self):
        return [seen.values("to") for seen in self.mailgun.seen]

    def limit(self, **ahead):
        until = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(**ahead)
        text = (
            f"Domain {DOMAIN} is not allowed to send: request limit exceeded, try "
            f"again after {format_datetime(until)[:-5]}UTC"
        )
        self.mailgun.answer(429, {"message": text})
        return until.replace(tzinfo=None)


@tagged("post_install", "-at_install")
class TestLedger(MailgunOutcomeCase):
    def test_each_recipient_is_written_down_with_mailguns_id(self):
        mail = self.mail(email_cc="Boss@Example.org")
        mail.send()
        rows = self.rows(mail)
        self.assertEqual(
            self.states(mail),
            {"customer@example.org": "accepted", "boss@example.org": "accepted"},
        )
        self.assertEqual(set(rows.mapped("message_id")), {mail.message_id})
        self.assertEqual(set(rows.mapped("mailgun_id")), {"<1@mailgun.test>"})
        self.assertTrue(all(rows.mapped("accepted_at")))
        self.assertEqual(rows.mail_message_id, mail.mail_message_id)

    def test_a_mail_that_another_worker_has_sent_and_deleted_is_left_alone(self):
        mails = self.mail() + self.mail(auto_delete=True) + self.mail()
        gone = mails[1]
        self.env["mail.mail"].browse(gone.ids).unlink()
        session = self.server._connect__(mail_server_id=self.server.id)
        mails._send(smtp_session=session, mail_server=self.server)
        self.assertEqual((mails - gone).mapped("state"), ["sent", "sent"])

    def test_our_mark_travels_with_the_mail_and_is_written_down(self):
        mail = self.mail()
        mail.send()
        (mark,) = self.mailgun.seen[0].values("v:odoo")
        self.assertEqual(self.rows(mail).reference, mark)

    def test_the_ledger_survives_the_mail_that_is_deleted_after_sending(self):
        mail = self.mail(auto_delete=True)
        message_id = mail.message_id
        mail.send()
        self.assertFalse(mail.exists())
        row = self.deliveries.search([("message_id", "=", message_id)])
        self.assertEqual(row.state, "accepted")
        self.assertFalse(row.mail_message_id)

    def test_what_was_accepted_is_not_sent_again_by_itself(self):
        mail = self.message(self.anna, self.bob)
        self.mailgun.answer(200, {"id": "<a@x>"})
        self.mailgun.answer(429, {"message": "limit"})
        mail.send()
        self.assertEqual(mail.state, "outgoing")
        mail.send()
        self.assertEqual(mail.state, "sent")
        first, *others = self.posts()
        self.assertEqual(len(others), 2)
        self.assertNotIn(first, others)
        self.assertEqual(
            self.notifications(mail.mail_message_id), {"Anna": "sent", "Bob": "sent"}
        )

    def test_two_contacts_who_share_an_address_each_keep_their_mail(self):
        self.bob.email = self.anna.email
        mail = self.message(self.anna, self.bob)
        mail.send()
        self.assertEqual(self.posts(), [["anna@example.org"]] * 2)
        self.assertEqual(
            set(self.rows(mail).mapped("partner_ref")), {self.anna.id, self.bob.id}
        )

    def test_a_mail_that_is_sent_on_purpose_goes_to_everybody_again(self):
        mail = self.message(self.anna, self.bob)
        mail.send()
        mail.mark_outgoing()
        mail.send()
        self.assertEqual(len(self.posts()), 4)
        self.assertEqual(sorted(self.rows(mail).mapped("attempt")), [1, 1, 2, 2])

    @mute_logger(MAIL)
    def test_retry_reaches_only_those_who_did_not_get_it(self):
        mail = self.message(self.anna, self.bob)
        self.mailgun.answer(200, {"id": "<a@x>"})
        self.mailgun.answer(400, {"message": "no such template"})
        mail.send()
        self.assertEqual(mail.state, "exception")
        mail.action_retry()
        mail.send()
        self.assertEqual(mail.state, "sent")
        first, *others = self.posts()
        self.assertEqual(len(others), 2)
        self.assertNotIn(first, others)

    def test_retry_after_a_bounce_sends_to_the_one_who_bounced(self):
        mail = self.message(self.anna, self.bob)
        mail.send()
        self.rows(mail).filtered(lambda row: row.partner_ref == self.bob.id).write(
            {"state": "bounced"}
        )
        self.env.flush_all()
        mail.state = "exception"
        mail.action_retry()
        mail.send()
        self.assertEqual(self.posts()[2:], [["bob@example.org"]])

    def again(self, mail):
        """What a transaction leaves that was rolled back after the POST."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mail_mail SET state = 'outgoing' WHERE id = %s", [mail.id]
        )
        self.env.invalidate_all()

    @mute_logger(MAIL)
    def test_a_refused_mail_is_refused_in_the_second_pass_as_well(self):
        mail = self.message()
        mail.auto_delete = True
        self.mailgun.answer(400, {"message": "Template not found"})
        mail.send()
        self.assertEqual(mail.state, "exception")
        self.again(mail)
        mail.send()
        self.assertEqual(mail.state, "exception")
        self.assertIn("Template not found", mail.failure_reason)
        self.assertEqual(len(self.mailgun.seen), 1)
        self.assertEqual(
            self.notifications(mail.mail_message_id), {"Anna": "exception"}
        )

    @mute_logger(MAIL)
    def test_what_was_taken_is_sent_in_the_second_pass_as_well(self):
        mail = self.mail(email_to="a@example.org, bad@example.org, c@example.org")
        bad = [(400, REFUSED_ADDRESS), (200, QUEUED)] + 2 * [(400, REFUSED_ADDRESS)]
        for answer in bad:
            self.mailgun.answer(*answer)
        mail.send()
        states = {"a@example.org": "accepted", "c@example.org": "accepted"}
        self.assertEqual(self.states(mail), {**states, "bad@example.org": "failed"})
        self.assertEqual(mail.state, "exception")
        posts = len(self.mailgun.seen)
        self.again(mail)
        mail.send()
        self.assertEqual(mail.state, "exception")
        self.assertEqual(len(self.mailgun.seen), posts)

    def test_a_long_address_to_unsubscribe_by_arrives_in_one_piece(self):
        url = f"<https://odoo.example.com/{'a' * 300}>"
        self.mail(headers=repr({"List-Unsubscribe": url})).send()
        line = f"\r\nList-Unsubscribe: {url}\r\n".encode()
        self.assertIn(line, self.mailgun.seen[0].body)

    def test_a_mail_without_a_record_is_written_down_too(self):
        server = self.env["ir.mail_server"]
        message = server._build_email__(
            f"sales@{DOMAIN}", ["customer@example.org"], "Our offer", "text"
        )
        for _time in range(2):
            server.send_email(message, mail_server_id=self.server.id)
        rows = self.deliveries.search([("message_id", "=", message["Message-Id"])])
        self.assertEqual(sorted(rows.mapped("attempt")), [1, 2])
        self.assertEqual(len(self.posts()), 2)

    def test_more_than_a_thousand_recipients_are_split(self):
        addresses = [f"customer{number}@example.org" for number in range(1001)]
        self.mail(email_to=", ".join(addresses)).send()
        self.assertEqual([len(post) for post in self.posts()], [1000, 1])


@tagged("post_install", "-at_install")
class TestDoubt(MailgunOutcomeCase):
    source = "events"

    def setUp(self):
        super().setUp()
        self.domain.record_source = self.source

    def interrupted(self):
        """A mail whose sender was killed after the POST."""
        mail = self.message()
        self.mailgun.hang_up(after_reading=True)
        mail.send()
        return mail

    def later(self, mail, minutes):
        """Let the past be longer ago."""
        past = fields.Datetime.now() - timedelta(minutes=minutes)
        rows = self.rows(mail)
        rows.write({"sending_at": past, "asked_at": False})
        rows.filtered("asked_since").asked_since = past

    def test_a_lost_answer_leaves_the_mail_waiting_and_nobody_alarmed(self):
        with self.assertNoLogs(MAIL, "ERROR"):
            mail = self.interrupted()
        self.assertEqual((mail.state, mail.mailgun_wait), ("outgoing", "doubt"))
        self.assertEqual(self.rows(mail).state, "sending")
        self.assertEqual(self.notifications(mail.mail_message_id), {"Anna": "ready"})
        mail.send()
        self.assertEqual(len(self.mailgun.seen), 1)

    def test_who_is_not_in_doubt_is_not_brought_into_it(self):
        mail = self.mail(email_cc="boss@example.org")
        self.mailgun.hang_up(after_reading=True)
        mail.send()
        self.rows(mail).filtered(lambda row: "boss" in row.recipient).unlink()
        mail.send()
        self.assertEqual(self.states(mail), {"customer@example.org": "sending"})

    def test_mails_in_doubt_do_not_hold_up_the_batch(self):
        mails = self.env["mail.mail"].concat(
            *[self.interrupted() for _mail in range(4)]
        )
        new = self.message()
        (mails + new).send()
        self.assertEqual(new.state, "sent")
        self.assertEqual(set(mails.mapped("mailgun_wait")), {"doubt"})
        self.assertEqual(len(self.mailgun.seen), 5)

    def test_answers_that_get_lost_hold_up_the_rest_for_a_minute(self):
        mails = self.env["mail.mail"].concat(*[self.mail() for _mail in range(5)])
        for _time in range(3):
            self.mailgun.hang_up(after_reading=True)
        mails.send()
        self.assertEqual(len(self.mailgun.seen), 3)
        waits = mails.mapped("mailgun_wait")
        self.assertEqual(sorted(waits), ["doubt"] * 3 + ["wait"] * 2)
        rest = mails.filtered(lambda mail: mail.mailgun_wait == "wait")
        minute = fields.Datetime.now() + timedelta(minutes=1)
        self.assertLessEqual(max(rest.mapped("scheduled_date")), minute)

    def test_an_event_settles_it_at_once(self):
        mail = self.interrupted()
        self.env["mailgun.event"].create(
            {
                "domain_id": self.domain.id,
                "event_id": "1",
                "event": "accepted",
                "recipient": "anna@example.org",
                "message_id": mail.message_id,
                "occurred_at": fields.Datetime.now(),
                "day": fields.Date.today(),
                "payload": {"event": "accepted"},
            }
        )
        self.env.flush_all()
        self.env["mailgun.event"]._process_queue()
        self.env.invalidate_all()
        self.assertFalse(mail.scheduled_date)
        mail.send()
        self.assertEqual(mail.state, "sent")
        self.assertFalse(mail.mailgun_wait)
        self.assertEqual(len(self.mailgun.seen), 1)

    def settle(self, mail, *events):
        self.env.flush_all()
        page = {"items": list(events), "paging": {}}
        if self.source == "logs":
            page = {"items": list(map(as_entry, events)), "pagination": {}}
        self.mailgun.answer(200, page)
        self.deliveries._settle()
        self.env["mailgun.event"]._process_queue()
        self.env.invalidate_all()

    def test_mailguns_record_of_events_settles_it(self):
        mail = self.interrupted()
        self.later(mail, 2)
        self.settle(mail, self.accepted(mail))
        mail.send()
        self.assertEqual(mail.state, "sent")
        self.assertEqual(self.posts()[:1], [["anna@example.org"]])

    def test_events_that_are_known_already_settle_it_as_well(self):
        mail = self.interrupted()
        told = self.accepted(mail)
        self.env["mailgun.event"]._receive(self.domain, event_of(told, False))
        self.later(mail, 2)
        self.settle(mail, told)
        self.assertEqual(self.rows(mail).state, "accepted")

    def test_not_found_counts_only_after_the_settling_time(self):
        mail = self.interrupted()
        self.later(mail, 2)
        self.settle(mail)
        self.assertEqual(self.rows(mail).state, "sending")
        self.later(mail, self.domain.settling_minutes + 1)
        self.settle(mail)
        self.assertFalse(self.rows(mail))
        mail.send()
        self.assertEqual(mail.state, "sent")
        self.assertEqual(self.states(mail), {"anna@example.org": "accepted"})

    def test_a_mail_that_has_failed_is_not_said_to_be_sent_again(self):
        mail = self.interrupted()
        mail.write({"state": "exception", "mailgun_wait": False})
        self.later(mail, 2)
        self.settle(mail)
        self.later(mail, self.domain.settling_minutes + 1)
        # The name of this level means another one to Odoo.
        with self.assertLogs(DOUBT, logging.INFO) as logs:
            self.settle(mail)
        self.assertIn("Retry sends it", logs.output[-1])
        self.assertFalse(self.rows(mail))
        mail.action_retry()
        mail.send()
        self.assertEqual(mail.state, "sent")

    def test_a_copy_that_was_given_back_meanwhile_is_left_alone(self):
        rows = self.rows(self.interrupted())
        rows.unlink()
        self.domain._conclude(rows, "unknown", time.time())

    def test_questions_that_fail_do_not_count(self):
        mail = self.interrupted()
        self.later(mail, 90)
        self.mailgun.answer(500, {"message": "Internal Server Error"})
        self.deliveries._settle()
        self.assertFalse(self.rows(mail).asked_since)

    def test_trouble_of_mailgun_is_in_doubt_as_long_as_a_lost_answer(self):
        mail = self.message()
        self.mailgun.answer(502, b"<html>Bad Gateway</html>", "text/html")
        mail.send()
        self.assertEqual(mail.mailgun_wait, "doubt")
        self.later(mail, 2)
        self.settle(mail)
        mail.send()
        self.assertEqual(self.rows(mail).state, "sending")
        self.later(mail, self.domain.settling_minutes + 1)
        self.settle(mail)
        mail.send()
        self.assertEqual(mail.state, "sent")

    def test_trouble_of_mailgun_is_for_a_person_with_a_sending_key(self):
        self.domain.key_kind = "sending"
        for status in (500, 503, 520, 529, 599):
            mail = self.message()
            self.mailgun.answer(status, {"message": "trouble"})
            mail.send()
            self.later(mail, 2)
            self.deliveries._settle()
            self.assertEqual(self.rows(mail).state, "sending")
            self.later(mail, self.domain.settling_minutes + 1)
            self.deliveries._settle()
            self.env.invalidate_all()
            self.assertEqual(mail.mailgun_wait, "uncertain")

    def test_an_answer_that_does_not_say_whether_it_was_taken_is_doubt(self):
        answers = (
            (200, {"message": "Queued. Thank you."}),
            (201, {"message": "Created"}),
            (200, b"<html>Please log in</html>"),
            (200, b""),
            (204, b""),
            (200, [1]),
        )
        for status, body in answers:
            with self.subTest(status=status, body=body):
                mail = self.message()
                self.mailgun.answer(status, body)
                mail.send()
                self.assertEqual(mail.mailgun_wait, "doubt")
                self.assertEqual(self.rows(mail).state, "sending")

    def test_whether_the_time_is_over_is_said_by_mailguns_clock(self):
        mail = self.interrupted()
        self.later(mail, 2)
        self.mailgun.clock_ahead = 3600
        self.settle(mail)
        self.rows(mail).asked_at = False
        self.settle(mail)
        self.assertEqual(self.rows(mail).state, "sending")

    def test_a_clock_that_was_wrong_hides_no_event(self):
        for minutes in (-50, 50):
            mail = self.interrupted()
            at = datetime.now() + timedelta(minutes=minutes)
            self.settle_late(mail, self.accepted(mail, timestamp=at.timestamp()))
            self.assertEqual(self.rows(mail).state, "accepted")

    def settle_late(self, mail, *events):
        self.later(mail, self.domain.settling_minutes + 1)
        self.settle(mail, *events)

    def accepted(self, mail, **values):
        return {
            "event": "accepted",
            "id": f"x{mail.id}",
            "timestamp": datetime.now().timestamp(),
            "recipient": "anna@example.org",
            "user-variables": {"odoo": self.rows(mail).reference},
            "message": {"headers": {"message-id": "another@mailgun.test"}},
            **values,
        }

    def test_a_domain_out_of_use_asks_a_person(self):
        mail = self.interrupted()
        self.domain.state = "draft"
        self.later(mail, self.domain.settling_minutes + 1)
        self.deliveries._settle()
        self.env.invalidate_all()
        self.assertEqual(mail.mailgun_wait, "uncertain")

    def test_no_answer_of_the_record_ends_the_round_of_others(self):
        mail = self.interrupted()
        for status in (301, 400, 404, 418, 429, 500):
            self.later(mail, 90)
            self.mailgun.answer(status, {"message": "Something else"})
            self.mailgun.answer(status, {"message": "Something else"})
            self.deliveries._settle()
            self.env.invalidate_all()
            self.assertEqual(self.rows(mail).state, "sending")
            self.assertTrue(self.rows(mail).asked_at)

    def test_all_questions_of_a_round_go_over_one_connection_until_its_time_is_up(self):
        for hours in range(1, 4):
            self.later(self.interrupted(), 60 * hours)
        self.mailgun.seen.clear()
        self.deliveries._settle(Budget(0))
        self.assertFalse(self.mailgun.seen)
        self.env.flush_all()
        self.mailgun.respond = lambda _seen: (
            200,
            b'{"items": [], "paging": {}, "pagination": {}}',
            "application/json",
        )
        self.deliveries._settle()
        self.assertEqual(len(self.mailgun.seen), 3)
        self.assertEqual(len({seen.connection for seen in self.mailgun.seen}), 1)

    def test_a_domain_that_cannot_be_asked_comes_after_the_others(self):
        first, second = self.interrupted(), self.interrupted()
        other = self.env["mailgun.domain"].create(
            {"name": "other.example.com", "api_key": API_KEY}
        )
        other.action_confirm()
        self.rows(first).domain_id = other
        for mail in (first, second):
            self.later(mail, 2)
        self.env.flush_all()
        self.mailgun.answer(500, {"message": "trouble"})
        self.settle(second)
        self.assertTrue(self.rows(first).asked_at)
        self.assertTrue(self.rows(second).asked_since)

    def test_with_a_sending_key_a_person_is_asked(self):
        self.domain.key_kind = "sending"
        mail = self.interrupted()
        self.later(mail, self.domain.settling_minutes + 1)
        self.deliveries._settle()
        self.env.invalidate_all()
        self.assertEqual((mail.state, mail.mailgun_wait), ("exception", "uncertain"))
        self.assertIn("Send Again", mail.failure_reason)
        self.assertEqual(
            self.notifications(mail.mail_message_id), {"Anna": "exception"}
        )
        mail.action_mailgun_send_again()
        mail.send()
        self.assertEqual(mail.state, "sent")

    def test_with_a_sending_key_the_domain_may_say_send_again(self):
        self.domain.write({"key_kind": "sending", "doubt_policy": "resend"})
        mail = self.interrupted()
        self.later(mail, self.domain.settling_minutes + 1)
        self.deliveries._settle()
        self.env.invalidate_all()
        mail.send()
        self.assertEqual(mail.state, "sent")

    def test_a_cancelled_mail_stays_so_whatever_events_tell(self):
        for cancel in ("cancel", "action_mailgun_discard"):
            with self.subTest(cancel=cancel):
                self.domain.key_kind = "sending"
                mail = self.message(self.anna, self.bob)
                self.mailgun.hang_up(after_reading=True)
                mail.send()
                self.later(mail, self.domain.settling_minutes + 1)
                self.deliveries._settle()
                self.env.invalidate_all()
                self.assertEqual(mail.mailgun_wait, "uncertain")
                getattr(mail, cancel)()
                self.assertFalse(mail.mailgun_wait)
                row = self.rows(mail)
                told = self.accepted(mail, recipient=row.recipient)
                self.env["mailgun.event"]._receive(self.domain, event_of(told, False))
                self.env["mailgun.event"]._process_queue()
                self.env.invalidate_all()
                self.assertEqual(self.rows(mail).state, "accepted")
                self.assertEqual(mail.state, "cancel")

    def test_a_mail_that_fails_otherwise_waits_for_nothing_any_more(self):
        mail = self.interrupted()
        mail.write({"state": "exception", "failure_reason": "No SMTP server"})
        self.assertFalse(mail.mailgun_wait)
        self.assertFalse(mail.mailgun_wait_text)

    def test_nobody_says_what_nobody_has_asked(self):
        self.domain.key_kind = "sending"
        mail = self.interrupted()
        mail.cancel()
        self.later(mail, self.domain.settling_minutes + 1)
        self.deliveries._settle()
        row = self.rows(mail)
        self.assertEqual((row.state, row.reason), ("sending", False))
        self.assertIn("not known", row._doubt_text())
        self.assertFalse(row._still_sending())
        self.assertFalse(self.mailgun.seen[1:])

    def test_a_domain_that_knows_who_has_got_a_mail_cannot_be_deleted(self):
        mail = self.interrupted()
        self.server.unlink()
        with self.assertRaisesRegex(UserError, "archive the domain"):
            self.domain.unlink()
        mail.cancel()
        self.domain.unlink()

    def test_uninstalling_stops_mail_that_others_would_send_twice(self):
        mail, other = self.interrupted(), self.message()
        uninstall_hook(self.env)
        self.assertEqual((mail.state, other.state), ("exception", "outgoing"))
        self.assertIn("anna@example.org", mail.failure_reason)
        self.assertFalse(mail.mailgun_wait)

    @mute_logger(MAIL)
    def test_an_archived_domain_lets_mail_wait(self):
        mail = self.message()
        self.domain.active = False
        mail.send()
        self.assertEqual(mail.mailgun_wait, "setting")
        self.assertIn("archived", mail.mailgun_wait_reason)
        self.assertFalse(self.mailgun.seen)

    def test_a_mail_that_was_cancelled_meanwhile_is_closed(self):
        mail = self.interrupted()
        mail.cancel()
        self.later(mail, 2)
        self.settle(mail)
        self.later(mail, self.domain.settling_minutes + 1)
        self.settle(mail)
        self.assertEqual(self.rows(mail).state, "failed")
        self.assertEqual(mail.state, "cancel")


@tagged("post_install", "-at_install")
class TestDoubtByLogs(TestDoubt):
    """The same, from an account that has Logs and no Events."""

    allow_inherited_tests_method = True
    source = "logs"


@tagged("post_install", "-at_install")
class TestSortedFailures(MailgunOutcomeCase):
    def test_a_limit_waits_until_the_date_that_mailgun_gives(self):
        mail = self.message()
        until = self.limit(hours=3)
        mail.send()
        self.assertEqual((mail.state, mail.mailgun_wait), ("outgoing", "wait"))
        self.assertAlmostEqual(mail.scheduled_date, until, delta=timedelta(seconds=2))
        self.assertIn("limit exceeded", mail.mailgun_wait_reason)
        self.assertFalse(mail.failure_reason)
        self.assertEqual(self.notifications(mail.mail_message_id), {"Anna": "ready"})
        self.assertFalse(self.rows(mail))

    @mute_logger(MAIL)
    def test_what_this_server_lacks_is_a_setting_and_leaves_nothing_behind(self):
        mails = self.env["mail.mail"].concat(*[self.mail() for _mail in range(4)])
        unusable = {
            "MAILGUN_API_URL": "https://127.0.0.1:9",
            "REQUESTS_CA_BUNDLE": "/nowhere/authority.pem",
        }
        with patch.dict(os.environ, unusable):
            mails.send()
        self.assertEqual(set(mails.mapped("state")), {"outgoing"})
        self.assertEqual(set(mails.mapped("mailgun_wait")), {"setting"})
        self.assertIn("/nowhere/authority.pem", mails[0].mailgun_wait_reason)
        self.assertFalse(self.deliveries.search([("mail_id", "in", mails.ids)]))
        mails.send()
        self.assertEqual(set(mails.mapped("state")), {"sent"})

    def test_each_attempt_waits_longer_than_the_one_before(self):
        mail = self.mail()
        waits = []
        for _time in range(4):
            self.mailgun.answer(429, {"message": "slow down"})
            mail.send()
            waits.append(mail.scheduled_date - fields.Datetime.now())
        self.assertEqual(waits, sorted(waits))
        self.assertGreater(waits[-1], waits[0])

    def test_the_queue_is_woken_when_the_time_has_come(self):
        cron = self.env.ref("mail.ir_cron_mail_scheduler_action")
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])
        until = self.limit(hours=3)
        self.mail().send()
        new = self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)]) - triggers
        self.assertEqual(len(new), 1)
        self.assertAlmostEqual(
            new.call_at, until, delta=timedelta(minutes=1, seconds=3)
        )

    def test_a_limit_stops_the_batch_and_the_rest_waits_with_it(self):
        mails = self.env["mail.mail"].concat(*[self.mail() for _mail in range(4)])
        self.limit(minutes=10)
        mails.send()
        self.assertEqual(len(self.mailgun.seen), 1)
        self.assertEqual(set(mails.mapped("state")), {"outgoing"})
        self.assertEqual(set(mails.mapped("mailgun_wait")), {"wait"})
        self.assertEqual(len(set(mails.mapped("scheduled_date"))), 1)

    def test_a_setting_stops_the_batch_with_one_error_in_the_log(self):
        mails = self.env["mail.mail"].concat(*[self.mail() for _mail in range(4)])
        self.mailgun.answer(401, b"Forbidden", "text/plain")
        self.enterContext(patch.dict(_last_noted, clear=True))
        with self.assertLogs(MAIL, "ERROR") as logs:
            mails.send()
        self.assertEqual(len(logs.records), 1)
        self.assertEqual(len(self.mailgun.seen), 1)
        self.assertEqual(set(mails.mapped("state")), {"outgoing"})
        self.assertEqual(set(mails.mapped("mailgun_wait")), {"setting"})
        self.domain.invalidate_recordset()
        self.assertIn("does not accept the API key", self.domain.sending_trouble)

    def test_waiting_is_no_error_in_the_log(self):
        self.mailgun.answer(429, {"message": "slow down"})
        with self.assertNoLogs(MAIL, "WARNING"):
            self.mail().send()

    def test_a_caller_that_asks_for_exceptions_is_not_rolled_back_for_waiting(self):
        mail = self.mail()
        self.mailgun.answer(429, {"message": "slow down"})
        mail.send(raise_exception=True)
        self.assertEqual(mail.state, "outgoing")

    @mute_logger(MAIL)
    def test_one_refused_address_does_not_keep_the_mail_from_the_others(self):
        mail = self.message(self.anna, self.bob)
        self.mailgun.answer(400, REFUSED_ADDRESS)
        mail.send()
        self.assertEqual(len(self.posts()), 2)
        self.assertEqual(mail.state, "sent")
        message = mail.mail_message_id
        failed = message.notification_ids.filtered("failure_type")
        self.assertEqual(failed.notification_status, "exception")
        self.assertEqual(failed.failure_type, "mail_email_invalid")
        self.assertIn("not a valid address", failed.failure_reason)

    @mute_logger(MAIL)
    def test_a_message_that_is_too_large_is_not_even_posted(self):
        data = self.env["ir.attachment"].create(
            {"name": "big.bin", "raw": b"x" * 20_000_000}
        )
        mail = self.mail(attachment_ids=data.ids)
        mail.send()
        self.assertEqual(mail.state, "exception")
        self.assertIn("25 MB", mail.failure_reason)
        self.assertFalse(self.mailgun.seen)

    def test_a_mail_is_given_up_a_day_after_its_first_attempt(self):
        mail = self.message()
        self.mailgun.answer(429, {"message": "slow down"})
        mail.send()
        self.domain.stale_hours = 0
        past = fields.Datetime.now() - timedelta(hours=25)
        mail.write({"mailgun_wait_since": past, "mailgun_give_up_at": past})
        mail.mailgun_give_up_at += timedelta(hours=24)
        self.mailgun.answer(429, {"message": "slow down"})
        mail.send()
        self.assertEqual(mail.state, "exception")
        self.assertIn("slow down", mail.failure_reason)
        self.assertEqual(
            self.notifications(mail.mail_message_id), {"Anna": "exception"}
        )

    def test_mail_that_waited_longer_than_it_is_worth_asks_before_it_goes(self):
        mail = self.message()
        self.mailgun.answer(429, {"message": "slow down"})
        mail.send()
        mail.mailgun_wait_since -= timedelta(hours=self.domain.stale_hours + 1)
        mail.send()
        self.assertEqual((mail.state, mail.mailgun_wait), ("exception", "stale"))
        self.assertEqual(len(self.mailgun.seen), 1)
        mail.action_mailgun_send()
        mail.send()
        self.assertEqual(mail.state, "sent")

    def test_a_date_a_day_and_more_ahead_is_a_setting(self):
        mail = self.mail()
        self.limit(days=3)
        with mute_logger(MAIL):
            mail.send()
        self.assertEqual(mail.mailgun_wait, "setting")

    @mute_logger(MAIL)
    def test_a_setting_raises_for_a_caller_that_asks_for_exceptions(self):
        self.mailgun.answer(401, b"Forbidden", "text/plain")
        with self.assertRaisesRegex(MailDeliveryException, "API key"):
            self.mail().send(raise_exception=True)

    def test_a_retry_never_lowers_what_an_event_has_told(self):
        mail = self.message(self.anna, self.bob)
        self.mailgun.answer(200, {"id": "<a@x>"})
        self.mailgun.answer(429, {"message": "limit"})
        mail.send()
        row = self.rows(mail)
        row.write({"state": "bounced", "reason": "550 no such user"})
        self.env.flush_all()
        bounced = self.env["res.partner"].browse(row.partner_ref).name
        mail.send()
        self.assertEqual(mail.state, "sent")
        statuses = self.notifications(mail.mail_message_id)
        self.assertEqual(statuses.pop(bounced), "bounce")
        self.assertEqual(list(statuses.values()), ["sent"])

    def test_accepted_is_shown_as_sent_where_events_tell_of_delivery(self):
        with patch.object(
            self.registry["mailgun.domain"], "_has_events", lambda _: True
        ):
            mail = self.message()
            mail.send()
        self.assertEqual(self.notifications(mail.mail_message_id), {"Anna": "pending"})


@tagged("post_install", "-at_install")
class TestSendingOptions(MailgunOutcomeCase):
    def option(self, name):
        return self.mailgun.seen[-1].values(name)

    def test_the_domain_decides_about_tracking_and_encryption(self):
        self.domain.write(
            {"tracking_opens": "yes", "tracking_clicks": "no", "require_tls": True}
        )
        self.mail().send()
        self.assertEqual(self.option("o:tracking-opens"), ["yes"])
        self.assertEqual(self.option("o:tracking-clicks"), ["no"])
        self.assertEqual(self.option("o:require-tls"), ["yes"])

    def test_nothing_is_said_about_what_is_left_to_mailgun(self):
        self.mail().send()
        names = self.mailgun.seen[-1].form[0].keys()
        self.assertEqual(set(names), {"to", "v:odoo"})

    def test_links_that_are_as_good_as_a_password_are_never_tracked(self):
        self.domain.write({"tracking_opens": "yes", "tracking_clicks": "yes"})
        url = "https://odoo.example.com/web/reset_password?token=x"
        for values in ({"body_html": f'<a href="{url}">x</a>'}, {"model": "res.users"}):
            self.mail(**values).send()
            self.assertEqual(self.option("o:tracking"), ["no"])
            self.assertEqual(self.option("o:tracking-clicks"), ["no"])

    def test_the_kind_of_document_is_the_tag(self):
        self.message().send()
        self.assertEqual(self.option("o:tag"), ["res.partner"])
        row = self.deliveries.search([], limit=1)
        self.assertEqual((row.tag, row.res_model), ("res.partner", "res.partner"))

    def test_a_mail_may_choose_for_itself_by_its_headers(self):
        self.mail(headers="{'X-Mailgun-Track-Opens': 'no'}").send()
        self.assertEqual(self.option("o:tracking-opens"), ["no"])
