import logging
import os
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.base.models.ir_mail_server import MailDeliveryException
from odoo.addons.mail_mailgun.models.domain.health import _last_noted

from .common import DOMAIN, MailgunSendingCase
from .connected_mailgun import as_entry

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
        return mail

    def mail(self, **values):
        return self.env["mail.mail"].create(
            {
                "email_from": f"sales@{DOMAIN}",
                "email_to": "customer@example.org",
                "subject": "Our offer",
                "body_html": "<p>text</p>",
                **values,
            }
        )

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
        self.settle(
            mail,
            {
                "event": "accepted",
                "id": "x",
                "timestamp": datetime.now().timestamp(),
                "recipient": "anna@example.org",
                "user-variables": {"odoo": self.rows(mail).reference},
                "message": {"headers": {"message-id": "another@mailgun.test"}},
            },
        )
        mail.send()
        self.assertEqual(mail.state, "sent")
        self.assertEqual(self.posts()[:1], [["anna@example.org"]])

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
        self.domain._conclude(rows, "unknown")

    def test_questions_that_fail_do_not_count(self):
        mail = self.interrupted()
        self.later(mail, 90)
        self.mailgun.answer(500, {"message": "Internal Server Error"})
        self.deliveries._settle()
        self.assertFalse(self.rows(mail).asked_since)

    def test_trouble_of_mailgun_is_looked_up_once_before_the_next_attempt(self):
        mail = self.message()
        self.mailgun.answer(502, b"<html>Bad Gateway</html>", "text/html")
        mail.send()
        self.assertEqual(mail.mailgun_wait, "wait")
        self.assertEqual(self.rows(mail).doubt, "failure")
        self.later(mail, 2)
        self.settle(mail)
        mail.send()
        self.assertEqual(mail.state, "sent")

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
