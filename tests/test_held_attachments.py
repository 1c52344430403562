from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged

from .common import MailgunMixin
from .test_attachment_type import SHELL, WINDOWS
from .test_inbound_attachments import AttachmentCase


@tagged("post_install", "-at_install")
class TestHeldAttachments(AttachmentCase):
    def test_release_attaches_the_file_to_its_message_and_tells_who_did_it(self):
        anna = new_test_user(
            self.env, "anna_admin", groups="base.group_system", name="Anna"
        )
        held = self.hold()
        messages = self.env["mail.message"].search([("message_type", "=", "email")])
        held.with_user(anna).action_release()
        message = held.mail_message_id
        attachment = message.attachment_ids
        self.assertEqual(attachment.raw, WINDOWS)
        self.assertEqual(attachment.name, "invoice.pdf.exe")
        self.assertEqual(
            (attachment.res_model, attachment.res_id), (message.model, message.res_id)
        )
        self.assertEqual((held.state, held.decided_by_id), ("released", anna))
        self.assertFalse(held.data)
        note = self.note(held.inbound_email_id)
        self.assertIn("Released", note.body)
        self.assertEqual(note.author_id, anna.partner_id)
        self.assertEqual(
            self.env["mail.message"].search([("message_type", "=", "email")]), messages
        )

    def test_a_file_is_released_once(self):
        held = self.hold()
        held.action_release()
        held.action_release()
        held.action_discard()
        self.assertEqual(held.state, "released")
        self.assertEqual(len(held.mail_message_id.attachment_ids), 1)

    def test_released_html_is_text(self):
        held = self.hold(
            ("form.hta", "text/html", b"<html><script>x()</script></html>")
        )
        held.action_release()
        self.assertEqual(held.mail_message_id.attachment_ids.mimetype, "text/plain")

    def test_discard_removes_the_bytes_and_keeps_the_row(self):
        held = self.hold(("run.sh", "application/x-sh", SHELL))
        held.action_discard()
        self.assertEqual((held.state, held.data), ("discarded", False))
        self.assertFalse(held.mail_message_id.attachment_ids)
        self.assertIn("Discarded", self.note(held.inbound_email_id).body)

    def test_a_file_without_its_message_cannot_be_released(self):
        held = self.hold()
        held.mail_message_id.unlink()
        with self.assertRaisesRegex(UserError, "was deleted"):
            held.action_release()
        held.action_discard()
        self.assertEqual(held.state, "discarded")

    def test_only_administrators_decide(self):
        held = self.hold()
        user = new_test_user(self.env, "plain_user", groups="base.group_user")
        for action in ("action_release", "action_discard"):
            with self.assertRaises(AccessError):
                getattr(held.with_user(user), action)()
        self.assertEqual(held.state, "waiting")

    def test_held_files_go_with_their_mail(self):
        held = self.hold()
        files = [("res_model", "=", held._name), ("res_field", "=", "data")]
        self.assertTrue(self.env["ir.attachment"].search(files))
        held.inbound_email_id.unlink()
        self.assertFalse(held.exists())
        self.assertFalse(self.env["ir.attachment"].search(files))

    def test_the_domain_tells_of_files_that_wait(self):
        held = self.hold()
        self.assertIn("Held files", self.domain.health)
        held.action_discard()
        self.domain.invalidate_recordset(["health"])
        self.assertNotIn("Held files", self.domain.health)


@tagged("post_install", "-at_install")
class TestHeldAttachmentTour(MailgunMixin, HttpCase):
    def test_a_file_is_released_in_the_journal(self):
        partner = self.env["res.partner"].create({"name": "Customer"})
        message = partner.message_post(body="See the invoice", message_type="email")
        row = self.journal.create(
            {"domain_id": self.domain.id, "state": "done", "subject": "A question"}
        )
        held = self.env["mailgun.held.attachment"].create(
            {
                "inbound_email_id": row.id,
                "mail_message_id": message.id,
                "name": "invoice.pdf.exe",
            }
        )
        held._store(WINDOWS)
        url = f"/odoo/action-mail_mailgun.mailgun_inbound_email_action/{row.id}"
        self.start_tour(url, "mail_mailgun_release", login="admin")
        self.assertEqual(held.state, "released")
        self.assertEqual(message.attachment_ids.raw, WINDOWS)
