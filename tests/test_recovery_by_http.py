import unittest
from email.message import EmailMessage
from functools import partial
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.mail_mailgun.models.domain import health
from odoo.addons.mail_mailgun.models.inbound.inbound_queue import InboundQueue
from odoo.addons.mail_mailgun.wizard import mailgun_round_trip

from .common import DOMAIN
from .sandbox_case import SANDBOX, WITHOUT_SANDBOX, SandboxCase

CUSTOMER = "customer@customer.test"
PEOPLE = f"people@{DOMAIN}"
LATIN = "Content-Type: text/plain; charset=iso-8859-1\r\n\r\nGrüße %s\r\n"


@tagged("post_install", "-at_install")
@unittest.skipUnless(SANDBOX, WITHOUT_SANDBOX)
class TestMailWithoutMessageId(SandboxCase):
    """It is posted, kept by Mailgun and fetched again: in three forms, and is one."""

    def setUp(self):
        super().setUp()
        self.domain = self.connect()
        self.env["mail.alias"].create(
            {
                "alias_name": "people",
                "alias_domain_id": self.domain.alias_domain_id.id,
                "alias_model_id": self.env["ir.model"]._get_id("res.partner"),
                "alias_contact": "everyone",
            }
        )

    def mail(self, text="How much is it?", eight_bit=False):
        head = (
            f"From: customer@customer.test\r\nTo: {PEOPLE}\r\nSubject: A question\r\n"
        )
        if eight_bit:
            return (head + LATIN % text).encode("iso-8859-1")
        return f"{head}\r\n{text}\r\n".encode()

    def mail_with_file(self, data):
        mail = EmailMessage()
        mail["From"], mail["To"] = CUSTOMER, PEOPLE
        mail["Subject"] = "A question"
        mail.set_content("See the file")
        mail.add_alternative("<p>See the file</p>", subtype="html")
        mail.add_attachment(data, "application", "pdf", filename="scan.pdf")
        return mail.as_bytes()

    def rows(self):
        self.env.invalidate_all()
        return self.env["mailgun.inbound.email"].search([])

    def recover(self):
        """Ask Mailgun for missed mail, as the button does; return all rows."""
        self.domain.incoming_server_ids.fetch_mail()
        self.env.flush_all()
        InboundQueue(self.registry).work_after_answer()
        return self.rows()

    def contacts(self):
        return self.env["res.partner"].search_count([("name", "=", "A question")])

    @mute_logger("odoo.addons.mail_mailgun.controllers.answers")
    def lose(self, raw, **ways):
        """Let a mail come whose post is refused; return how to post it again."""
        key = self.domain._get_secret("webhook_signing_key")
        # The one before is good as well.
        for other in ("another key", "and another"):
            self.domain.webhook_signing_key = other
        post = self.receive(raw, PEOPLE, **ways)
        self.domain.webhook_signing_key = key
        self.assertEqual(post["attempts"][-1]["status"], 401)
        return partial(self.repeat, post)

    def test_what_was_posted_is_not_taken_again(self):
        for number, (shape, mail) in enumerate(self.mails()):
            with self.subTest(shape=shape, mail=mail):
                self.receive(mail, PEOPLE, shape=shape)
                posted = self.rows()
                self.assertEqual((posted[:1].state, len(posted)), ("done", number + 1))
                self.assertEqual(self.recover(), posted)
                self.assertEqual(self.recover(), posted)
        self.assertEqual(self.contacts(), 6)

    def mails(self):
        for shape in ("raw", "parsed"):
            yield shape, self.mail(f"{shape} ascii")
            yield shape, self.mail(shape, eight_bit=True)
            yield shape, self.mail_with_file(b"%PDF-" + shape.encode())

    def test_what_was_fetched_is_not_taken_again_when_it_is_posted(self):
        for number, (shape, mail) in enumerate(self.mails()):
            with self.subTest(shape=shape, mail=mail):
                post_again = self.lose(mail, shape=shape)
                fetched = self.recover()
                self.assertEqual(
                    (fetched[:1].state, len(fetched)), ("done", number + 1)
                )
                post_again()
                self.assertEqual(self.rows(), fetched)
        self.assertEqual(self.contacts(), 6)

    def test_other_mails_of_the_same_sender_stay(self):
        for shape in ("raw", "parsed"):
            texts = [self.mail(f"{shape} {number}", True) for number in "12"]
            files = [
                self.mail_with_file(f"%PDF {shape} {number}".encode())
                for number in "12"
            ]
            for one, other in (texts, files):
                with self.subTest(shape=shape, mail=one):
                    before = self.rows()
                    self.receive(one, PEOPLE, shape=shape)
                    post_again = self.lose(other, shape=shape)
                    self.assertEqual(len(self.recover() - before), 2)
                    post_again()
                    self.assertEqual(len(self.recover() - before), 2)
        self.assertEqual(self.contacts(), 8)


@tagged("post_install", "-at_install")
@unittest.skipUnless(SANDBOX, WITHOUT_SANDBOX)
class TestFetchedRoundTrip(SandboxCase):
    """Each post is answered 404, as by a proxy, and the mail comes all the same."""

    def test_what_fetching_brings_ends_the_round_trip_with_what_to_repair(self):
        self.startPatcher(patch.object(health, "NOTE_SECONDS", 0))
        domain = self.connect()
        domain.public_url = f"{self.base_url()}/nowhere"
        domain.action_repair()
        trip = self.env["mailgun.round.trip"].create({"domain_id": domain.id})
        self.env.flush_all()
        # What is posted meanwhile uses the connection of the test, and waits for it.
        trip.start()
        self.settle()
        domain.incoming_server_ids.fetch_mail()
        with patch.dict(mailgun_round_trip.PATIENCE, posted=-1):
            found = trip.refresh()
        self.assertEqual(found["state"], "failed")
        self.assertIn("came by fetching", found["remedy"])
        self.assertIn("404", found["remedy"])
        levels = {line.title: line.level for line in domain._health_lines()}
        self.assertEqual(levels["Receiving"], "error")
        self.assertEqual(levels["Fetched emails"], "error")
