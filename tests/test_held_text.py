from pathlib import Path

from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .common import DOMAIN, MailgunMixin, MailgunRoutingCase
from .test_inbound_attachments import PROGRAM, AttachmentCase
from .test_inbound_routing import JOURNAL

ATTACHMENTS = "odoo.addons.base.models.ir_attachment"
NOBODY = f"nobody@{DOMAIN}"


def file_of(attachment):
    """Return where the file store has the bytes of an attachment."""
    return Path(attachment._full_path(attachment.store_fname))


@tagged("post_install", "-at_install")
class TestHeldText(MailgunRoutingCase):
    """Whoever decides what becomes of a mail can open and read it."""

    def browser_reads(self, row):
        """Return what the form shows, asked for as the web client does."""
        self.env.invalidate_all()
        fields = {"preview": {}, "raw": {}, "error": {}}
        return row.with_context(bin_size=True).web_read(fields)[0]

    def receive_text(self, text, **headers):
        """Receive a mail for an address that does not exist; return its row."""
        head = self.mail(to=NOBODY, **headers).partition(b"\r\n\r\n")[0]
        mail = head + b"\r\n\r\n" + text
        return self.receive(mail, recipient=NOBODY, token=str(hash(head)))

    def test_the_browser_shows_the_text(self):
        for number, state in enumerate(("held", "unrouted", "failed")):
            row = self.receive_text(b"How much?", message_id=f"<{number}@example.org>")
            row.state = state
            with self.subTest(state=state):
                shown = self.browser_reads(row)
                self.assertEqual(shown["preview"], "How much?")
                self.assertIn("bytes", str(shown["raw"]))

    @mute_logger(JOURNAL)
    def test_a_mail_opens_whatever_its_html(self):
        for number, (html, text) in enumerate(
            (
                (b'<?xml version="1.0" encoding="utf-8"?><p>Order 4711</p>', "Order"),
                (b"<!-- only -->", "only"),
                (b"", ""),
                (b"a\0b", "a b"),
                (b"\xff\xfe\xd8", "ÿþØ"),
                (b"<div>" * 5000 + b"deep", "<div>"),
            )
        ):
            with self.subTest(html=html[:50]):
                row = self.receive_text(
                    html,
                    message_id=f"<{number}@example.org>",
                    Content_Type="text/html; charset=no-such",
                )
                self.assertIn(text, self.browser_reads(row)["preview"])

    @mute_logger(ATTACHMENTS)
    def test_a_mail_whose_file_is_lost_opens_and_says_so(self):
        row = self.receive_text(b"How much?")
        file_of(row._raw_attachment()).unlink()
        self.assertFalse(self.browser_reads(row)["preview"])
        with mute_logger(JOURNAL):
            row.action_retry()
            self.work()
        shown = self.browser_reads(row)
        self.assertFalse(shown["preview"])
        self.assertIn("missing from Odoo's file store", shown["error"])


@tagged("post_install", "-at_install")
class TestLostFiles(AttachmentCase):
    """The file store was not restored, is not shared, or was changed."""

    def damage(self, attachment, data=None):
        """Lose the file of an attachment, or give it other bytes."""
        path = file_of(attachment)
        path.unlink()
        if data is not None:
            path.write_bytes(data)
        self.env.invalidate_all()

    def journal_mail(self):
        """Journal a mail that waits to be routed; return its row."""
        with self.failing(MemoryError()):
            row = self.receive()
        row.action_retry()
        return row

    @mute_logger(JOURNAL, ATTACHMENTS)
    def test_a_mail_whose_bytes_are_lost_fails_and_says_what_to_do(self):
        for data in (None, b"", b"Subject: An", self.mail(Subject="Another")):
            with self.subTest(data=data):
                row = self.journal_mail()
                self.damage(row._raw_attachment(), data)
                self.work()
                self.assertEqual(row.state, "failed")
                self.assertIn("Restore", row.error)
                self.assertIn("press Retry", row.error)
                self.assertIn(row._raw_attachment().store_fname, row.error)
                self.assertFalse(row.mail_message_id)
                self.assertFalse(self.contacts())
                row.unlink()

    @mute_logger(JOURNAL, ATTACHMENTS)
    def test_a_mail_whose_file_is_restored_is_routed_by_retry(self):
        row = self.journal_mail()
        self.damage(row._raw_attachment())
        self.work()
        file_of(row._raw_attachment()).write_bytes(self.mail())
        row.action_retry()
        self.work()
        self.assertEqual(row.state, "done")

    @mute_logger(JOURNAL)
    def test_a_mail_whose_bytes_were_removed_fails_and_says_what_to_do(self):
        row = self.journal_mail()
        row._raw_attachment().unlink()
        self.work()
        self.assertEqual(row.state, "failed")
        self.assertIn("removed", row.error)
        row.state = "held"
        row.is_looping = True
        row.action_allow_sender()
        self.work()
        self.assertEqual(row.state, "failed")

    @mute_logger(ATTACHMENTS)
    def test_a_held_file_that_is_lost_is_not_released_empty(self):
        held = self.hold(PROGRAM)
        files = [("res_model", "=", held._name), ("res_id", "=", held.id)]
        # A search for attachments leaves out those of fields unless it names them.
        files.append(("res_field", "=", "data"))
        self.damage(self.env["ir.attachment"].search(files))
        with self.assertRaisesRegex(Exception, "missing from Odoo's file store"):
            held.action_release()
        self.assertEqual(held.state, "waiting")
        self.assertFalse(held.mail_message_id.attachment_ids)


@tagged("post_install", "-at_install")
class TestHeldTextTour(MailgunMixin, HttpCase):
    def test_an_administrator_reads_a_held_mail(self):
        row = self.journal.create(
            {
                "domain_id": self.domain.id,
                "state": "held",
                "subject": "A question",
                "recipient": NOBODY,
                "error": "Mailgun takes this mail for spam (score 9.3).",
                "spam_verdict": "spam",
                "spam_score": 9.3,
            }
        )
        trip = f"round-trip-1@{DOMAIN}"
        twin = {"subject": "A round trip", "recipient": trip, "state": "held"}
        self.journal.create({"domain_id": self.domain.id, **twin})
        row._attach(row.ids, self.mail())
        url = "/odoo/action-mail_mailgun.mailgun_inbound_email_action"
        self.start_tour(url, "mail_mailgun_held_text", login="admin")
        self.assertEqual(row.state, "ignored")
