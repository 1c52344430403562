import email
import email.policy
import itertools
import json
import time
from datetime import timedelta
from unittest.mock import Mock

import psycopg2

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.mail_mailgun.tools.event_post import event_of

from .test_sending import MailgunOutcomeCase

APPLY = "odoo.addons.mail_mailgun.models.events.event_queue"
THREAD = "odoo.addons.mail.models.mail_thread"


class EventCase(MailgunOutcomeCase):
    """Mails that were sent, and events about them."""

    def setUp(self):
        super().setUp()
        self.numbers = itertools.count(1)
        self.events = self.env["mailgun.event"]

    def sent(self, *partners):
        mail = self.message(*partners)
        mail.send()
        return mail

    def tell(self, mail, event, recipient="anna@example.org", ago=0, **payload):
        """An event as a webhook leaves it; not applied yet."""
        number = next(self.numbers)
        row = self.rows(mail).filtered(lambda row: row.recipient == recipient)[:1]
        happened = fields.Datetime.now() + timedelta(minutes=number - ago)
        payload.setdefault("user-variables", {"odoo": row.reference})
        return self.events.create(
            {
                "domain_id": self.domain.id,
                "event_id": f"event-{number}",
                "event": event,
                "severity": payload.get("severity", False),
                "recipient": recipient,
                "message_id": mail.message_id,
                "occurred_at": happened,
                "day": happened.date(),
                "payload": {"event": event, **payload},
            }
        )

    def bounce(self, mail, recipient="anna@example.org", reason="bounce", **values):
        status = {"code": 550, "message": "no such user"}
        return self.tell(
            mail,
            "failed",
            recipient,
            severity="permanent",
            reason=reason,
            **{"delivery-status": status},
            **values,
        )

    def apply(self):
        self.env.flush_all()
        self.events._process_queue()
        self.env.invalidate_all()


@tagged("post_install", "-at_install")
class TestEventApply(EventCase):
    # --- deliveries ------------------------------------------------------------------

    def test_events_move_the_delivery_and_every_order_ends_the_same(self):
        kinds = ("accepted", "delivered", "opened", "clicked")
        for order in itertools.permutations(kinds):
            mail = self.sent()
            for kind in order:
                self.tell(mail, kind)
                self.apply()
            row = self.rows(mail)
            self.assertEqual(row.state, "clicked", order)
            self.assertTrue(row.delivered_at and row.opened_at and row.accepted_at)
            self.assertEqual((row.open_count, row.click_count), (1, 1))

    def test_an_event_without_our_mark_finds_its_row_by_message_and_recipient(self):
        mail = self.sent(self.anna, self.bob)
        variables = ([], None, "Could not load user-variables.", {"theirs": 1})
        for number, odd in enumerate(variables):
            kind = ("delivered", "opened", "clicked", "complained")[number]
            self.tell(mail, kind, "bob@example.org", **{"user-variables": odd})
        self.apply()
        self.assertEqual(
            self.states(mail),
            {"anna@example.org": "accepted", "bob@example.org": "complained"},
        )

    def test_a_borrowed_message_id_is_told_nothing(self):
        forged = self.anna.message_post(body="mine", partner_ids=self.anna.ids)
        mail = self.sent()
        forged.message_id = mail.message_id
        before = forged.notification_ids.notification_status
        self.bounce(mail)
        self.apply()
        self.assertEqual(self.rows(mail).mail_message_id, mail.mail_message_id)
        self.assertEqual(forged.notification_ids.notification_status, before)
        self.assertFalse(forged.notification_ids.failure_reason)

    def test_an_event_finds_its_row_by_the_id_that_mailgun_gave(self):
        mail = self.sent()
        event = self.tell(mail, "delivered", **{"user-variables": {}})
        event.message_id = "<1@mailgun.test>"
        self.apply()
        self.assertEqual(self.rows(mail).state, "delivered")

    def test_late_events_of_an_earlier_attempt_do_not_touch_the_next_one(self):
        mail = self.sent()
        late = self.bounce(mail)
        mail.mark_outgoing()
        mail.send()
        self.apply()
        self.assertEqual(late.state, "done")
        self.assertEqual(self.rows(mail).mapped("state"), ["bounced", "accepted"])

    def test_events_of_other_systems_are_counted_and_forgotten(self):
        mail = self.sent()
        event = self.tell(mail, "delivered", "stranger@example.org")
        event.write({"message_id": "<other@x>", "payload": {"event": "delivered"}})
        self.apply()
        self.assertEqual(event.state, "ignored")
        self.env.cr.execute(
            "UPDATE mailgun_open_row SET at = %s WHERE row = %s",
            [fields.Datetime.now() - timedelta(hours=1), event.id],
        )
        self.apply()
        self.assertFalse(event.exists())
        self.assertEqual(self.domain.foreign_event_count, 1)

    def test_a_rejected_mail_fails_for_all_its_recipients(self):
        for variables in ("ours", {}):
            mail = self.mail(email_cc="boss@example.org")
            mail.send()
            other = self.sent(self.bob)
            self.reject(mail, variables)
            self.apply()
            self.assertEqual(
                self.states(mail),
                {"customer@example.org": "failed", "boss@example.org": "failed"},
            )
            self.assertIn("Sandbox subdomains", self.rows(mail)[0].reason)
            self.assertEqual(self.states(other), {"bob@example.org": "accepted"})

    def reject(self, mail, variables):
        """As in Mailgun's manual: no recipient, and not always our variables."""
        reference = {"odoo": self.rows(mail)[0].reference}
        event = self.tell(
            mail,
            "rejected",
            reject={"reason": "Sandbox subdomains are for test purposes only."},
            **{"user-variables": reference if variables == "ours" else variables},
        )
        event.recipient = False

    def test_what_a_member_of_a_list_does_is_not_done_to_the_list(self):
        mail = self.mail(email_to="team@lists.example.org")
        mail.send()
        kinds = ("delivered", "unsubscribed", "complained", "opened")
        reference = {"odoo": self.rows(mail).reference}
        told = [
            self.tell(mail, kind, **{"user-variables": reference}) for kind in kinds
        ]
        told.append(self.bounce(mail, **{"user-variables": reference}))
        self.apply()
        self.assertEqual(self.states(mail), {"team@lists.example.org": "accepted"})
        self.assertEqual({event.state for event in told}, {"done"})
        self.assertFalse(self.is_blacklisted("team@lists.example.org"))
        self.assertEqual(self.anna.message_bounce, 0)

    def test_what_another_domain_signs_is_done_to_no_mail_of_this_one(self):
        mail = self.sent()
        other = self.env["mailgun.domain"].create({"name": "other.example.net"})
        for variables in ({}, {"odoo": self.rows(mail).reference}):
            event = self.tell(mail, "complained", **{"user-variables": variables})
            event.domain_id = other
        self.apply()
        self.assertEqual(self.states(mail), {"anna@example.org": "accepted"})
        self.assertFalse(self.is_blacklisted("anna@example.org"))

    def test_names_codes_ids_and_times_are_read_in_every_shape_they_come(self):
        status = {"code": ["550"], "message": "no such user"}
        for event, state, payload in (
            ("Delivered", "delivered", {}),
            (" OPENED ", "opened", {"client-info": {"bot": None}}),
            (
                "FAILED",
                "bounced",
                {
                    "severity": "Permanent",
                    "reason": "Bounce",
                    "delivery-status": status,
                },
            ),
        ):
            mail = self.sent()
            item = {
                "event": event,
                "timestamp": time.time() * 1000,
                "recipient": "Anna@Example.org",
                "message": {"headers": {"Message-Id": mail.message_id.strip("<>")}},
                **payload,
            }
            with mute_logger(THREAD):
                self.events._receive(self.domain, event_of(item))
                self.apply()
            row = self.rows(mail)
            self.assertEqual(row.state, state)
            at = row[f"{state}_at"]
            self.assertLess(abs(fields.Datetime.now() - at), timedelta(minutes=5))

    def test_no_shape_of_a_payload_makes_an_event_fail(self):
        odd = (None, 0, True, "", "x", [], [None], {}, {"a": []}, 1e400, -1)
        odd += ({"code": "9" * 5000}, {"code": [{}]}, "9" * 5000)
        names = ("severity", "reason", "delivery-status", "reject", "client-info")
        names += ("user-variables", "tags", "recipient", "message", "timestamp")
        mail = self.sent()
        headers = {"message": {"headers": {"message-id": mail.message_id.strip("<>")}}}
        for event in ("failed", "rejected", "unsubscribed", "opened", "delivered"):
            for number, value in enumerate(odd):
                items = [
                    {"event": event, "message": headers, name: value} for name in names
                ]
                for name, item in zip(names, items, strict=True):
                    item["id"] = f"{event}-{number}-{name}"
                    self.events._receive(self.domain, event_of(item))
        self.apply()
        self.assertFalse(self.events.search([("state", "in", ("failed", "pending"))]))

    def test_an_event_of_an_unknown_kind_is_done_and_changes_nothing(self):
        mail = self.sent()
        event = self.tell(mail, "teleported")
        self.apply()
        self.assertEqual(event.state, "done")
        self.assertEqual(self.rows(mail).state, "accepted")

    def test_one_event_that_cannot_be_applied_harms_no_other(self):
        mail = self.sent(self.anna, self.bob)
        bad = self.tell(mail, "delivered")
        good = self.tell(mail, "delivered", "bob@example.org")
        model = self.registry["mailgun.delivery"]
        write = model._write_change

        def fail(row, change):
            if row.recipient == "anna@example.org":
                raise ValueError("no")
            return write(row, change)

        self.patch(model, "_write_change", fail)
        with mute_logger(APPLY):
            self.apply()
        self.assertEqual((bad.state, good.state), ("failed", "done"))
        self.assertTrue(bad.error.startswith("ValueError: no\n"))
        self.patch(model, "_write_change", write)
        (bad | good).action_retry()
        self.assertEqual((bad.state, bad.error), ("pending", False))
        self.apply()
        self.assertEqual((bad.state, good.state), ("done", "done"))

    def test_what_passes_by_itself_leaves_an_event_for_the_next_run(self):
        event = self.tell(self.sent(self.anna), "delivered")
        model = self.registry["mailgun.delivery"]
        write = model._write_change
        for error in (psycopg2.OperationalError("gone"), MemoryError()):
            lost = Mock(side_effect=error)
            self.patch(model, "_write_change", lost)
            self.apply()
            self.assertTrue(lost.called)
            self.assertEqual(event.state, "pending")
        self.patch(model, "_write_change", write)
        self.apply()
        self.assertEqual(event.state, "done")

    # --- what people see -------------------------------------------------------------

    def status(self, mail):
        return self.notifications(mail.mail_message_id)

    def test_a_delivery_is_told_to_the_notification(self):
        mail = self.sent(self.anna, self.bob)
        self.tell(mail, "delivered")
        self.apply()
        self.assertEqual(self.status(mail)["Anna"], "sent")

    def test_no_browser_is_told_that_a_mail_is_on_its_way(self):
        self.tell(self.sent(), "delivered")
        self.apply()
        mail = self.message()
        self.env.cr.precommit.run()
        self.env["bus.bus"].search([]).unlink()
        mail.send()
        self.env.cr.precommit.run()
        self.assertEqual(self.status(mail), {"Anna": "pending"})
        self.assertFalse(self.env["bus.bus"].search([]))
        self.tell(mail, "delivered")
        self.apply()
        self.env.cr.precommit.run()
        self.assertTrue(self.env["bus.bus"].search([]))

    def test_the_author_is_told_of_a_bounce_without_asking(self):
        mail = self.sent(self.anna, self.bob)
        author = self.env.ref("base.partner_admin")
        mail.mail_message_id.author_id = author
        self.bounce(mail)
        self.apply()
        told = self.env["bus.bus"].search(
            [("message", "like", '"notification_status":"bounce"')]
        )
        channels = [json.loads(one.channel)[1:] for one in told]
        self.assertIn(["res.partner", author.id], channels)

    def test_a_bounce_is_shown_with_the_words_of_the_mailbox(self):
        mail = self.sent(self.anna, self.bob)
        self.bounce(mail)
        self.apply()
        self.assertEqual(self.status(mail), {"Anna": "bounce", "Bob": "sent"})
        failed = mail.mail_message_id.notification_ids.filtered("failure_type")
        self.assertEqual(failed.failure_type, "mail_bounce")
        self.assertIn("no such user", failed.failure_reason)

    def test_a_temporary_failure_is_a_delay_and_never_a_bounce(self):
        mail = self.sent()
        self.tell(mail, "failed", severity="temporary", reason="greylisted")
        self.apply()
        self.assertEqual(self.rows(mail).state, "deferred")
        self.assertEqual(self.status(mail), {"Anna": "pending"})
        self.assertEqual(self.anna.message_bounce, 0)

    def test_a_refusal_that_is_not_about_the_address_is_no_bounce(self):
        for reason, status, words in (
            (
                "espblock",
                {"code": 550, "message": "Mail from you is blocked"},
                "550 Mail",
            ),
            ("greylisted", {"code": 451, "message": "try later"}, "451 try later"),
            ("blacklisted", {"code": 554, "message": "on a list"}, "554 on a list"),
            ("bounce", {"code": 421, "message": "too busy"}, "421 too busy"),
            ("bounce", {"code": 452, "message": "no room"}, "452 no room"),
            (
                "bounce",
                {
                    "code": 550,
                    "message": "5.7.26 did not pass",
                    "enhanced-code": "5.7.26",
                },
                "5.7.26 did not pass",
            ),
            ("generic", {"code": 550, "message": "DMARC policy of you"}, "550 DMARC"),
            ("generic", {"code": 554, "message": "5.6.0 bad content"}, "554 5.6.0"),
            ("generic", {"code": 552, "message": "mailbox is full"}, "552 mailbox"),
        ):
            mail = self.sent()
            self.tell(
                mail,
                "failed",
                severity="permanent",
                reason=reason,
                **{"delivery-status": status},
            )
            self.apply()
            row = self.rows(mail)
            self.assertEqual(row.state, "failed", (reason, status))
            self.assertIn(words, row.reason)
            self.assertEqual(self.status(mail), {"Anna": "exception"})
            failed = mail.mail_message_id.notification_ids
            self.assertIn(words, failed.failure_reason)
            self.assertNotIn("Check the address", row.story)
        self.assertEqual(self.anna.message_bounce, 0)

    def test_a_suppressed_address_is_shown_and_no_bounce_is_counted(self):
        mail = self.sent()
        self.bounce(mail, reason="suppress-bounce")
        self.apply()
        self.assertEqual(self.rows(mail).state, "suppressed")
        self.assertEqual(self.status(mail), {"Anna": "bounce"})
        self.assertEqual(self.anna.message_bounce, 0)

    def test_an_open_by_a_program_is_told_apart(self):
        mail = self.sent()
        self.tell(mail, "opened", **{"client-info": {"bot": "apple"}})
        self.apply()
        row = self.rows(mail)
        self.assertTrue(row.machine_opened_at)
        self.assertEqual((row.state, row.open_count), ("accepted", 0))

    # --- bounces are counted once ----------------------------------------------------

    def report(self, mail, email_message=None):
        """A delivery report that comes as a mail, as core's gateway parses it."""
        message = mail.mail_message_id
        values = {
            "bounced_email": "anna@example.org",
            "bounced_partner": self.anna,
            "bounced_msg_ids": [mail.message_id],
            "bounced_message": message,
            "email_from": "MAILER-DAEMON@example.org",
            "to": "bounce@mail.example.com",
            "message_id": "<report@example.org>",
            "body": "no such user",
        }
        with mute_logger(THREAD):
            self.env["mail.thread"]._routing_handle_bounce(email_message, values)

    @mute_logger(THREAD)
    def test_a_bounce_counts_once_whoever_tells_first(self):
        for first, second in itertools.permutations(("event", "mail")):
            mail = self.sent()
            before = self.anna.message_bounce
            for teller in (first, second):
                if teller == "event":
                    self.bounce(mail)
                    self.apply()
                else:
                    self.report(mail)
                    self.report(mail)
            self.assertEqual(self.anna.message_bounce, before + 1, (first, second))
            self.assertEqual(self.rows(mail).state, "bounced")

    @mute_logger(THREAD)
    def test_a_report_does_not_take_back_a_complaint(self):
        mail = self.sent()
        self.tell(mail, "complained")
        self.apply()
        self.report(mail)
        row = self.rows(mail)
        self.assertEqual(row.state, "complained")
        self.assertTrue(row.bounced_at)
        self.assertEqual(self.status(mail), {"Anna": "sent"})
        self.assertEqual(self.anna.message_bounce, 0)

    @mute_logger(THREAD)
    def test_the_same_bounce_told_twice_by_events_counts_once(self):
        mail = self.sent()
        for _time in range(2):
            self.bounce(mail)
        self.apply()
        self.assertEqual(self.anna.message_bounce, 1)

    def test_only_a_report_that_a_mail_failed_is_a_bounce(self):
        failed = b"Final-Recipient: rfc822; anna@example.org\r\nAction: %s\r\n"
        for kind, part, text, is_bounce in (
            ("delivery-status", "message/delivery-status", failed % b"failed", True),
            ("delivery-status", "message/delivery-status", failed % b"Delayed", False),
            ("delivery-status", "message/delivery-status", failed % b"relayed", False),
            ("delivery-status", "text/plain", b"no such user", True),
            ("disposition-notification", "text/plain", b"read", False),
            ("x", "message/disposition-notification", b"Disposition: read\r\n", False),
            ("feedback-report", "message/feedback-report", b"Feedback-Type: x", False),
        ):
            mail = self.sent()
            before = self.anna.message_bounce
            self.report(mail, self.report_of(kind, part, text))
            self.assertEqual(self.anna.message_bounce, before + is_bounce, text)
            state = "bounced" if is_bounce else "accepted"
            self.assertEqual(self.rows(mail).state, state, text)

    def report_of(self, kind, part, text):
        return email.message_from_bytes(
            b'Content-Type: multipart/report; report-type="%s"; boundary="b"\r\n\r\n'
            b"--b\r\nContent-Type: %s\r\n\r\n"
            b"Reporting-MTA: dns; x\r\n\r\n%s\r\n--b--\r\n"
            % (kind.encode(), part.encode(), text),
            policy=email.policy.SMTP,
        )

    def test_a_report_about_mail_of_another_server_is_cores_business(self):
        values = {
            "bounced_email": "anna@example.org",
            "bounced_partner": self.anna,
            "bounced_msg_ids": ["<smtp@example.com>"],
            "bounced_message": self.env["mail.message"],
            "email_from": "MAILER-DAEMON@example.org",
            "to": "bounce@mail.example.com",
            "message_id": "<report@example.org>",
            "body": "no such user",
        }
        with mute_logger(THREAD):
            self.env["mail.thread"]._routing_handle_bounce(None, values)
        self.assertEqual(self.anna.message_bounce, 1)

    # --- who wants no newsletters ----------------------------------------------------

    def test_who_unsubscribes_or_complains_gets_no_newsletters(self):
        mail = self.sent(self.anna, self.bob)
        self.tell(mail, "unsubscribed")
        self.tell(mail, "complained", "bob@example.org")
        self.apply()
        blacklist = self.env["mail.blacklist"].search([])
        emails = set(blacklist.mapped("email"))
        self.assertLessEqual({"anna@example.org", "bob@example.org"}, emails)

    def is_blacklisted(self, address):
        return bool(self.env["mail.blacklist"].search([("email", "=", address)]))

    def test_who_unsubscribes_from_one_tag_still_gets_other_newsletters(self):
        mail = self.sent()
        self.tell(mail, "unsubscribed", tags=["offers"])
        self.apply()
        self.assertEqual(self.rows(mail).state, "unsubscribed")
        self.assertFalse(self.is_blacklisted("anna@example.org"))
        self.tell(mail, "unsubscribed", tags=["*"])
        self.apply()
        self.assertTrue(self.is_blacklisted("anna@example.org"))

    def test_the_domain_may_leave_the_blacklist_alone(self):
        self.domain.write(
            {"blacklist_unsubscribed": False, "blacklist_complained": False}
        )
        mail = self.sent()
        self.tell(mail, "unsubscribed")
        self.tell(mail, "complained")
        self.apply()
        found = self.env["mail.blacklist"].search([("email", "=", "anna@example.org")])
        self.assertFalse(found)
