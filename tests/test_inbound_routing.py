from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import psycopg2

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.mail_mailgun.const import ROUTING_BACKOFF, ROUTING_KILLS
from odoo.addons.mail_mailgun.models.inbound.inbound_queue import InboundQueue
from odoo.addons.mail_mailgun.tools.mime.inbound import InboundPost

from .common import DOMAIN, MailgunRoutingCase

JOURNAL = "odoo.addons.mail_mailgun.models.inbound.failed_mail"
QUEUE = "odoo.addons.mail_mailgun.models.inbound.inbound_queue"
ALIAS = "odoo.addons.mail.models.mail_alias"


@tagged("post_install", "-at_install")
class TestInboundRouting(MailgunRoutingCase):
    # --- where mail goes -------------------------------------------------------------

    def test_mail_to_an_alias_makes_a_record(self):
        row = self.receive()
        self.assertEqual(row.state, "done")
        self.assertEqual(row.alias_ids, self.alias)
        self.assertEqual(row.mail_message_id.res_id, self.contacts().id)

    def test_a_reply_lands_on_the_record_that_it_answers(self):
        partner = self.env["res.partner"].create({"name": "Customer"})
        sent = partner.message_post(body="Our offer", message_type="comment")
        row = self.receive(
            to=f"catchall@{DOMAIN}",
            recipient=f"catchall@{DOMAIN}",
            In_Reply_To=sent.message_id,
        )
        self.assertEqual(row.state, "done")
        self.assertEqual(row.mail_message_id.model, "res.partner")
        self.assertEqual(row.mail_message_id.res_id, partner.id)

    def test_mail_to_nobody_is_unrouted_and_says_what_to_do(self):
        row = self.receive(to=f"nobody@{DOMAIN}", recipient=f"nobody@{DOMAIN}")
        self.assertEqual(row.state, "unrouted")
        self.assertIn(f"nobody@{DOMAIN}", row.error)
        self.assertIn("Aliases", row.remedy)

    def test_a_second_recipient_that_is_no_alias_needs_no_copy(self):
        to = f"people@{DOMAIN}, colleague@{DOMAIN}"
        self.receive(to=to)
        row = self.receive(to=to, recipient=f"colleague@{DOMAIN}")
        self.assertEqual(row.state, "ignored")
        self.assertEqual(len(self.contacts()), 1)

    def test_an_alias_in_bcc_gets_its_record_in_any_order_of_posts(self):
        other = self.alias.copy({"alias_name": "hidden"})
        for first, second in (("people", "hidden"), ("hidden", "people")):
            with self.subTest(first=first):
                message_id = f"<bcc-{first}@example.org>"
                before = self.contacts()
                for name in (first, second):
                    self.receive(
                        message_id=message_id,
                        recipient=f"{name}@{DOMAIN}",
                        token=f"{first}-{name}",
                    )
                self.assertEqual(len(self.contacts() - before), 2)
        self.assertEqual(other.alias_status, "valid")

    def test_a_reply_with_an_alias_in_bcc_is_a_comment_and_a_record(self):
        partner = self.env["res.partner"].create({"name": "Customer"})
        sent = partner.message_post(body="Our offer", message_type="comment")
        row = self.receive(to=f"catchall@{DOMAIN}", In_Reply_To=sent.message_id)
        self.assertEqual(row.state, "done")
        messages = self.env["mail.message"].search(
            [("message_id", "=", "<1@example.org>")]
        )
        self.assertEqual(
            set(messages.mapped("res_id")), {partner.id, self.contacts().id}
        )

    def test_an_alias_of_another_model_in_bcc_does_not_take_the_reply_away(self):
        for first, second in (("catchall", "people"), ("people", "catchall")):
            with self.subTest(first=first):
                sent = self.domain.message_post(body="Hello", message_type="comment")
                message_id = f"<reply-{first}@example.org>"
                before = self.contacts()
                for name in (first, second):
                    self.receive(
                        to=f"catchall@{DOMAIN}",
                        recipient=f"{name}@{DOMAIN}",
                        token=f"{first}-{name}",
                        message_id=message_id,
                        In_Reply_To=sent.message_id,
                    )
                found = self.env["mail.message"].search(
                    [("message_id", "=", message_id)]
                )
                self.assertEqual(
                    set(found.mapped(lambda one: (one.model, one.res_id))),
                    {
                        ("mailgun.domain", self.domain.id),
                        ("res.partner", (self.contacts() - before).id),
                    },
                )

    def test_a_file_that_a_killed_worker_left_half_written_is_written_anew(self):
        mail = self.mail(message_id="<half@example.org>")
        attachments = self.env["ir.attachment"]
        checksum = attachments._compute_checksum(mail)
        path = Path(attachments._full_path(f"{checksum[:2]}/{checksum}"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mail[:10])
        row = self.receive(mail=mail)
        self.assertEqual((row.state, row._raw_bytes()), ("done", mail))

    def test_the_incoming_servers_options_hold_for_an_alias_in_bcc(self):
        self.env["fetchmail.server"].create(
            {
                "name": "Mailgun",
                "server_type": "mailgun",
                "mailgun_domain_id": self.domain.id,
                "original": True,
            }
        )
        self.alias.copy({"alias_name": "hidden"})
        self.receive()
        row = self.receive(recipient=f"hidden@{DOMAIN}")
        names = row.mail_message_id.attachment_ids.mapped("name")
        self.assertEqual(names, ["original_email.eml"])

    def test_a_mail_that_this_database_sent_comes_back_to_nobody(self):
        partner = self.env["res.partner"].create({"name": "Customer"})
        sent = partner.message_post(body="Our offer", message_type="comment")
        row = self.receive(message_id=sent.message_id)
        self.assertEqual(row.state, "ignored")
        self.assertFalse(self.contacts())

    def test_a_forged_delivered_to_reaches_nobody(self):
        hidden = self.alias.copy({"alias_name": "hidden"})
        row = self.receive(Delivered_To=f"hidden@{DOMAIN}")
        self.assertEqual(row.alias_ids, self.alias)
        self.assertNotIn(hidden, row.alias_ids)
        self.assertEqual(len(self.contacts()), 1)

    def test_a_delivery_report_is_noted_and_ignored(self):
        row = self.receive(
            to=f"bounce@{DOMAIN}",
            recipient=f"bounce@{DOMAIN}",
            From="MAILER-DAEMON@example.org",
        )
        self.assertEqual(row.state, "ignored")
        self.assertIn("delivery report", row.error)

    def test_a_refused_mail_is_answered_once_for_all_whom_it_names(self):
        to = f"catchall@{DOMAIN}, nobody@{DOMAIN}"
        first = self.receive(to=to, recipient=f"catchall@{DOMAIN}")
        second = self.receive(to=to, recipient=f"nobody@{DOMAIN}")
        self.assertEqual((first.state, second.state), ("ignored", "ignored"))
        answers = self.env["mail.mail"].search([("subject", "=", "Re: A question")])
        self.assertEqual(len(answers), 1)
        self.assertIn("another recipient", second.error)

    def test_a_refused_mail_still_reaches_an_alias_in_bcc(self):
        to = f"catchall@{DOMAIN}"
        self.receive(to=to, recipient=f"catchall@{DOMAIN}")
        row = self.receive(to=to)
        self.assertEqual(row.state, "done")
        self.assertEqual(len(self.contacts()), 1)

    def test_a_loop_is_held_back_for_a_person(self):
        self.env["ir.config_parameter"].set_param("mail.gateway.loop.threshold", "1")
        self.receive(message_id="<1@example.org>")
        row = self.receive(message_id="<2@example.org>", token="second")
        self.assertEqual(row.state, "held")
        self.assertIn("Allow Sender", row.remedy)

    # --- when routing fails ----------------------------------------------------------

    def journaled(self):
        """Return a mail that is in the journal, and that nobody has routed yet."""
        post = InboundPost.from_raw(self.mail(), "", ["people@" + DOMAIN])
        return self.journal.browse(self.journal._receive(self.domain, post, "token"))

    @mute_logger("odoo.sql_db")
    def test_a_passing_failure_is_tried_again_and_mails_nobody(self):
        before = self.env["mail.mail"].search([])
        with self.failing(psycopg2.errors.SerializationFailure("raced")):
            row = self.receive()
        self.assertEqual((row.state, row.attempt_count), ("pending", 1))
        self.assertGreater(row.next_attempt_at, row.create_date)
        self.assertEqual(self.env["mail.mail"].search([]), before)
        self.assertNotEqual(self.alias.alias_status, "invalid")
        row.action_retry()
        self.work()
        self.assertEqual((row.state, row.error), ("done", False))

    @mute_logger("odoo.sql_db")
    def test_a_lost_race_is_run_again_at_once(self):
        raced = psycopg2.errors.SerializationFailure("raced")
        create = self.registry["mail.thread"].message_new
        calls = []

        def message_new(records, *args, **kwargs):
            calls.append(1)
            if len(calls) < 3:
                raise raced
            return create(records, *args, **kwargs)

        model = self.registry["res.partner"]
        with patch.object(model, "message_new", message_new, create=True):
            row = self.receive()
        self.assertEqual((row.state, row.attempt_count), ("done", 1))
        self.assertEqual(len(self.contacts()), 1)

    def test_a_passing_failure_that_never_passes_ends_as_failed(self):
        with self.failing(psycopg2.errors.SerializationFailure("raced")):
            row = self.receive()
            for _wait in ROUTING_BACKOFF:
                row.next_attempt_at = fields.Datetime.now()
                with mute_logger(JOURNAL, ALIAS):
                    self.work()
        self.assertEqual(row.state, "failed")
        self.assertEqual(row.attempt_count, len(ROUTING_BACKOFF) + 1)

    def killed(self, row):
        """Begin an attempt whose end nobody sees."""
        row.next_attempt_at = fields.Datetime.now()
        self.env.flush_all()
        InboundQueue(self.registry)._claim(row.message_id)
        self.env.invalidate_all()

    def test_a_mail_that_kills_its_worker_is_given_up(self):
        row = self.journaled()
        waits = []
        for _kill in range(ROUTING_KILLS):
            self.killed(row)
            self.assertEqual(row.state, "pending")
            waits.append(row.next_attempt_at - fields.Datetime.now())
        self.assertEqual(waits, sorted(waits))
        self.assertGreater(sum(waits[:-1], timedelta()), timedelta(minutes=20))
        row.next_attempt_at = fields.Datetime.now()
        with mute_logger(JOURNAL):
            self.work()
        self.assertEqual(row.state, "failed")
        self.assertIn("stopped 4 times", row.error)
        self.assertIn("downloaded", row.remedy)
        self.assertIn("stopped 4 times", row.activity_ids.note)
        self.assertEqual(row._raw_bytes(), self.mail())
        self.assertFalse(row.preview, "what ended workers is not parsed for the form")
        row.action_retry()
        self.work()
        self.assertEqual((row.state, len(self.contacts())), ("done", 1))

    def test_a_server_that_is_killed_now_and_then_gives_no_mail_up(self):
        row = self.journaled()
        for _kill in range(ROUTING_KILLS - 1):
            self.killed(row)
        row.next_attempt_at = fields.Datetime.now()
        self.work()
        self.assertEqual((row.state, row.error), ("done", False))

    @mute_logger("odoo.sql_db")
    def test_an_attempt_that_ended_in_a_failure_counts_as_no_kill(self):
        with self.failing(psycopg2.errors.SerializationFailure("raced")):
            row = self.receive()
            for _attempt in range(ROUTING_KILLS):
                row.next_attempt_at = fields.Datetime.now()
                self.work()
        self.assertEqual((row.state, row.unended_count), ("pending", 0))

    def test_what_fails_after_the_commit_is_no_failure_of_the_mail(self):
        row = self.receive()
        with self.assertLogs(JOURNAL, "WARNING") as logs:
            row._register_failure(psycopg2.OperationalError("the mail server is gone"))
        self.assertIn("was routed, then", logs.output[0])
        self.assertEqual((row.state, row.error), ("done", False))

    def test_a_mail_that_is_deleted_while_it_is_routed_holds_up_no_other(self):
        row = self.journaled()
        row_id = row.id
        row.unlink()
        queue = InboundQueue(self.registry)
        with patch.object(queue, "_claim", side_effect=[row_id, False]):
            self.assertEqual(queue._work("<1@example.org>"), (1, []))

    def test_a_failure_of_which_nobody_can_be_told_is_written_down(self):
        with (
            self.failing(ValidationError("A name is required")),
            patch.object(
                self.registry["mailgun.inbound.email"],
                "activity_schedule",
                side_effect=ValueError("no activities today"),
            ),
            mute_logger(JOURNAL),
            self.assertLogs(QUEUE, "ERROR") as logs,
        ):
            row = self.receive()
            self.assertIn("no activities today", logs.output[0])
            other = self.receive(message_id="<2@example.org>", token="second")
        self.assertEqual((row.state, other.state), ("failed", "failed"))

    def test_a_permanent_failure_ends_as_failed_and_answers_once(self):
        gateway = self.registry["mail.thread"]
        answer = patch.object(gateway, "_routing_create_bounce_email")
        error = ValidationError("A name is required")
        with self.failing(error), answer as answered, mute_logger(JOURNAL):
            row = self.receive()
            self.work()
        self.assertEqual(row.state, "failed")
        self.assertIn("A name is required", row.error)
        self.assertIn("Traceback", row.error_detail)
        answered.assert_called_once()

    def test_a_failed_mail_is_routed_by_retry(self):
        with self.failing(ValidationError("A name is required")), mute_logger(JOURNAL):
            row = self.receive()
        row.action_retry()
        self.work()
        self.assertEqual(row.state, "done")
        self.assertEqual(len(self.contacts()), 1)

    def test_retry_leaves_a_delivered_mail_alone(self):
        row = self.receive()
        row.action_retry()
        self.assertEqual(row.state, "done")

    def test_the_cron_routes_what_no_worker_has_taken(self):
        row = self.journaled()
        self.env.ref("mail_mailgun.ir_cron_inbound_queue").method_direct_trigger()
        self.env.invalidate_all()
        self.assertEqual(row.state, "done")

    def test_the_bytes_can_be_downloaded(self):
        row = self.receive()
        self.assertEqual(row._raw_bytes(), self.mail())
        self.assertEqual(row.raw_name, f"{row.id}.eml")

    def test_the_record_can_be_opened_from_the_journal(self):
        action = self.receive().action_open_record()
        self.assertEqual(action["res_model"], "res.partner")
        self.assertEqual(action["res_id"], self.contacts().id)
