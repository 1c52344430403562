import base64
from email.message import EmailMessage
from unittest.mock import patch

from odoo.tests import tagged

from .common import DOMAIN, MailgunRoutingCase
from .test_attachment_type import PDF, PNG, WINDOWS
from .test_core_copy import LONG, SHOWN, TEXT, mail_of

TOOL = "odoo.addons.mail_mailgun.tools.mime.attachment_type"
PROGRAM = ("invoice.pdf.exe", "application/octet-stream", WINDOWS)
HARMLESS = ("invoice.pdf", "application/octet-stream", PDF)


class AttachmentCase(MailgunRoutingCase):
    """Mails with files, from the journal to the record."""

    def receive_files(self, *files, **headers):
        """Receive a mail with files of (name, type, bytes); return its row."""
        mail = EmailMessage()
        mail["From"] = "Customer <customer@example.org>"
        mail["To"] = f"people@{DOMAIN}"
        mail["Subject"] = "A question"
        mail["Message-Id"] = "<1@example.org>"
        for name, value in headers.items():
            mail[name] = value
        mail.set_content("How much is it?")
        for name, kind, data in files:
            mail.add_attachment(data, *kind.split("/"), filename=name)
        return self.receive(mail.as_bytes())

    def hold(self, *files):
        """Receive dangerous files and return what was held back."""
        self.domain.attachment_policy = "hold"
        return self.receive_files(*(files or [PROGRAM])).held_attachment_ids

    def note(self, row):
        """Return the note below the message."""
        message = row.mail_message_id
        thread = self.env[message.model].browse(message.res_id)
        self.assertGreater(thread.message_ids[0].id, message.id)
        return thread.message_ids[0]

    def attached(self, row):
        return row.mail_message_id.attachment_ids.mapped("name")


@tagged("post_install", "-at_install")
class TestInboundAttachments(AttachmentCase):
    # --- types -----------------------------------------------------------------------

    def test_the_true_type_is_stored_where_the_declared_one_is_generic(self):
        row = self.receive_files(("scan.txt", "application/octet-stream", PNG))
        self.assertEqual(row.mail_message_id.attachment_ids.mimetype, "image/png")

    def test_a_declared_type_is_stored_where_the_name_says_nothing(self):
        row = self.receive_files(("invite", "application/x-invite", b"x"))
        self.assertEqual(
            row.mail_message_id.attachment_ids.mimetype, "application/x-invite"
        )

    def test_html_is_never_stored_as_html(self):
        for kind in ("xhtml+xml", "vnd.openxmlformats-x+xml", "vnd.openxmlformats-xsl"):
            with self.subTest(kind=kind):
                page = (
                    "page",
                    f"application/{kind}",
                    b"<html><script>x()</script></html>",
                )
                row = self.receive_files(page)
                self.assertEqual(
                    row.mail_message_id.attachment_ids.mimetype, "text/plain"
                )
                row.mail_message_id.unlink()
                row.unlink()

    def test_a_failure_of_libmagic_stops_no_mail(self):
        broken = patch("magic.from_buffer", side_effect=OSError("no database"))
        with broken, self.assertLogs(TOOL, "WARNING"):
            held = self.hold(
                ("report.dat", "application/octet-stream", b"x"), PROGRAM, HARMLESS
            )
        row = held.inbound_email_id
        self.assertEqual(row.state, "done")
        self.assertEqual(set(self.attached(row)), {"report.dat", "invoice.pdf"})
        self.assertEqual(held.name, "invoice.pdf.exe")

    # --- policies --------------------------------------------------------------------

    def test_harmless_files_get_no_notice_under_any_policy(self):
        self.domain.attachment_policy = "hold"
        row = self.receive_files(HARMLESS, ("list.csv", "text/csv", b"a,b\n1,2\n"))
        self.assertEqual(set(self.attached(row)), {"invoice.pdf", "list.csv"})
        self.assertFalse(row.held_attachment_ids)
        message = row.mail_message_id
        thread = self.env[message.model].browse(message.res_id)
        self.assertEqual(thread.message_ids[0], message)

    def test_a_dangerous_file_may_be_left_alone(self):
        self.domain.attachment_policy = "leave"
        row = self.receive_files(PROGRAM)
        self.assertEqual(self.attached(row), ["invoice.pdf.exe"])
        message = row.mail_message_id
        thread = self.env[message.model].browse(message.res_id)
        self.assertEqual(thread.message_ids[0], message)

    def test_a_dangerous_file_is_marked_unless_said_otherwise(self):
        mails = self.env["mail.mail"].search([])
        row = self.receive_files(PROGRAM, HARMLESS)
        self.assertEqual(set(self.attached(row)), {"invoice.pdf.exe", "invoice.pdf"})
        note = self.note(row)
        self.assertIn("Be careful with “invoice.pdf.exe”", note.body)
        self.assertNotIn("“invoice.pdf”", note.body)
        self.assertTrue(note.is_internal)
        self.assertEqual(note.author_id, self.env.ref("base.partner_root"))
        self.assertFalse(note.notification_ids)
        self.assertEqual(self.env["mail.mail"].search([]), mails)

    def test_a_held_file_is_not_in_the_message_and_a_notice_says_so(self):
        held = self.hold(PROGRAM, HARMLESS)
        row = held.inbound_email_id
        self.assertEqual(row.state, "done")
        self.assertEqual(self.attached(row), ["invoice.pdf"])
        self.assertEqual(held.mail_message_id, row.mail_message_id)
        self.assertEqual((held.name, held.state), ("invoice.pdf.exe", "waiting"))
        self.assertEqual(held.declared_type, "application/octet-stream")
        self.assertEqual(base64.b64decode(held.data), WINDOWS)
        body = self.note(row).body
        self.assertIn("“invoice.pdf.exe” was held back", body)
        self.assertIn(held.reason, body)
        self.assertIn(f'data-oe-id="{row.id}"', body)

    def test_nothing_of_a_held_file_is_seen_by_the_record_that_is_made(self):
        seen = []
        create = self.registry["mail.thread"].message_new

        def message_new(records, message_dict, *args, **kwargs):
            seen.extend(message_dict["attachments"])
            return create(records, message_dict, *args, **kwargs)

        model = self.registry["res.partner"]
        with patch.object(model, "message_new", message_new, create=True):
            self.hold()
        self.assertFalse(seen)

    def test_the_original_mail_is_held_back_with_what_it_contains(self):
        with patch.object(
            self.registry["fetchmail.server"],
            "_mailgun_options",
            lambda _self: {"save_original": True},
        ):
            held = self.hold()
        self.assertEqual(
            set(held.mapped("name")), {"invoice.pdf.exe", "original_email.eml"}
        )
        self.assertFalse(self.attached(held.inbound_email_id))

    def test_an_attached_mail_is_not_judged_by_its_subject(self):
        self.domain.attachment_policy = "hold"
        inner = EmailMessage()
        inner["Subject"] = "Your order at example.com"
        inner.set_content("Thank you.")
        outer = EmailMessage()
        outer["From"], outer["To"] = "customer@example.org", f"people@{DOMAIN}"
        outer["Message-Id"] = "<1@example.org>"
        outer["Subject"] = "A question"
        outer.set_content("See below.")
        outer.add_attachment(inner, filename="Your order at example.com")
        row = self.receive(outer.as_bytes())
        self.assertEqual(row.state, "done")
        self.assertIn("Your order at example.com.eml", self.attached(row))
        self.assertFalse(row.held_attachment_ids)

    def test_each_record_of_a_mail_gets_the_notice_and_its_own_held_file(self):
        self.alias.copy({"alias_name": "others"})
        self.domain.attachment_policy = "hold"
        row = self.receive_files(PROGRAM, Cc=f"others@{DOMAIN}")
        held = row.held_attachment_ids
        self.assertEqual(len(held), 2)
        self.assertEqual(len(held.mail_message_id), 2)
        held[0].action_release()
        self.assertEqual(held.mapped("state"), ["released", "waiting"])

    def test_an_alias_in_bcc_gets_its_own_held_file(self):
        self.alias.copy({"alias_name": "hidden"})
        first = self.hold()
        mail = first.inbound_email_id._raw_bytes()
        second = self.receive(mail, f"hidden@{DOMAIN}").held_attachment_ids
        self.assertEqual(len(second), 1)
        self.assertNotEqual(first.mail_message_id, second.mail_message_id)


@tagged("post_install", "-at_install")
class TestLargeParts(AttachmentCase):
    def test_a_message_shows_the_beginning_of_a_text_and_has_it_as_a_file(self):
        row = self.receive(mail_of(TEXT, "8bit").as_bytes())
        message = row.mail_message_id
        self.assertEqual(row.state, "done")
        self.assertLess(len(message.body), 2 * SHOWN)
        self.assertIn("How much is it", message.body)
        self.assertIn("Whole text.txt", message.body)
        (file,) = message.attachment_ids
        self.assertEqual((file.name, file.mimetype), ("Whole text.txt", "text/plain"))
        self.assertEqual(file.raw.decode().splitlines(), TEXT.splitlines())
        self.assertEqual(row._raw_bytes(), mail_of(TEXT, "8bit").as_bytes())

    def test_large_files_are_attached_as_they_were(self):
        large = [
            ("a.pdf", "application/pdf", PDF + b"a" * LONG),
            ("a.pdf", "application/pdf", PDF + b"b" * LONG),
            ("a.csv", "text/csv", "Größe\n".encode("latin-1") * LONG),
        ]
        row = self.receive_files(*large)
        files = row.mail_message_id.attachment_ids.sorted("id")
        self.assertEqual(
            [(file.name, file.mimetype, file.raw) for file in files], large
        )

    def test_a_large_text_is_found_by_the_words_of_its_first_mebibyte(self):
        text = b"first " + b"word " * 2**19 + b"last"
        row = self.receive_files(("a.txt", "text/plain", text))
        (file,) = row.mail_message_id.attachment_ids
        self.assertEqual(file.raw, text)
        self.assertEqual(len(file.index_content), 2**20)

    def test_a_large_program_is_held_back_as_a_small_one_is(self):
        name, kind, data = PROGRAM
        (held,) = self.hold((name, kind, data + b"x" * LONG))
        self.assertEqual(base64.b64decode(held.data), data + b"x" * LONG)

    def test_the_original_is_kept_byte_for_byte(self):
        self.env["fetchmail.server"].create(
            {
                "name": "Mailgun",
                "server_type": "mailgun",
                "mailgun_domain_id": self.domain.id,
                "original": True,
            }
        )
        pdf = PDF + b"a" * LONG
        row = self.receive_files(("a.pdf", "application/pdf", pdf))
        files = row.mail_message_id.attachment_ids
        original = files.filtered(lambda file: file.name.endswith(".eml"))
        self.assertTrue(original.raw == row._raw_bytes())

    def test_of_a_mail_that_odoo_cannot_read_what_can_be_read_comes_with_all_of_it(
        self,
    ):
        threads = self.registry["mail.thread"]
        extract = threads._message_parse_extract_payload

        def cannot_read(thread, message, *args, **options):
            if message.get("X-Odd"):
                raise IndexError("as Python's parser and modules raise it")
            return extract(thread, message, *args, **options)

        self.patch(threads, "_message_parse_extract_payload", cannot_read)
        row = self.receive_files(HARMLESS, **{"X-Odd": "1"})
        self.assertEqual((row.state, row.mended), ("done", "unreadable"), row.error)
        message = row.mail_message_id
        self.assertIn("How much is it?", message.body)
        self.assertIn("customer@example.org", message.email_from)
        self.assertEqual(message.attachment_ids.name, "original.eml")
        self.assertEqual(message.attachment_ids.raw, row._raw_bytes())
