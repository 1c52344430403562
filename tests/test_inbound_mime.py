import email
import email.policy
import json
from email.utils import getaddresses

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.errors import MalformedPayload
from odoo.addons.mail_mailgun.tools.mime.forms import FilePart, Form
from odoo.addons.mail_mailgun.tools.mime.inbound import read_inbound
from odoo.addons.mail_mailgun.tools.mime.mail_head import (
    envelope,
    fingerprint,
    message_id_of,
    one_line,
    subject_of,
)
from odoo.addons.mail_mailgun.tools.mime.split import split

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256))
RECIPIENT = "sales@mail.example.com"


def form(files=(), **fields):
    """A form as Mailgun posts it; _ stands for - in names."""
    values = {"recipient": RECIPIENT, "sender": "customer@example.org", **fields}
    return Form(
        [
            (
                name.replace("_", "-"),
                value if isinstance(value, bytes) else value.encode(),
            )
            for name, value in values.items()
        ],
        files,
    )


def parsed(files=(), headers=(("Subject", "Hello"),), **fields):
    """Read a parsed form back with Python's parser, as core does."""
    listed = json.dumps([list(header) for header in headers])
    post = read_inbound(form(files, message_headers=listed, **fields))
    return email.message_from_bytes(post.raw, policy=email.policy.SMTP)


def file(number=1, name="a.bin", kind="application/pdf", data=b"%PDF-\xff\0"):
    return FilePart(f"attachment-{number}", name, kind, data)


@tagged("mailgun_tools")
class TestReadInbound(BaseCase):
    def refused(self, words, **fields):
        with self.assertRaisesRegex(MalformedPayload, words):
            read_inbound(form(**fields))

    def test_raw_mime_passes_untouched(self):
        raw = b"Subject: caf\xe9\nTo: x\r\n\r\n\xff\0\r\n.\n"
        post = read_inbound(form(body_mime=raw))
        self.assertEqual(post.raw, raw)
        self.assertEqual(post.recipients, (RECIPIENT,))
        self.assertEqual(post.sender, "customer@example.org")

    def test_raw_mime_that_came_as_a_file_is_taken_as_well(self):
        post = read_inbound(form([FilePart("body-mime", "m", "", b"Subject: x\n\n")]))
        self.assertEqual(post.subject, "x")

    def test_a_delivery_report_has_an_empty_sender(self):
        for sender in ("", "<>", " ", "no address", "a@b\r\nX: y"):
            post = read_inbound(form(sender=sender, body_mime=b"Subject: x\n\n"))
            self.assertEqual(post.sender, "")

    def test_angle_brackets_and_lists_of_recipients_are_understood(self):
        post = read_inbound(form(recipient="<a@x.com>, b@y.com", body_mime=b"S: x\n\n"))
        self.assertEqual(post.recipients, ("a@x.com", "b@y.com"))

    def test_a_recipient_that_could_inject_a_header_is_refused(self):
        for recipient in (
            "a@x.com\r\nBcc: b@y.com",
            "a@x\0.com",
            "a",
            "a b@x.com",
            "@",
        ):
            with self.subTest(recipient=recipient):
                self.refused("recipient", recipient=recipient, body_mime=b"S: x\n\n")

    def test_an_address_of_no_possible_length_is_refused(self):
        self.refused("recipient", recipient="a" * 400 + "@x.com", body_mime=b"S: x\n\n")

    def test_a_post_that_only_notifies_says_where_the_mail_is(self):
        url = "https://storage-us-east4.api.mailgun.net/v3/domains/x/messages/1"
        post = read_inbound(form(message_url=url, body_plain="x"))
        self.assertEqual(post.stored_url, url)
        self.assertIn(b"x", post.raw)

    def test_mail_that_is_stored_elsewhere_is_refused(self):
        for url in ("https://evil.example.com/1", "http://169.254.169.254/", "x"):
            self.refused("no address of Mailgun", message_url=url, body_plain="x")

    def test_a_whole_mail_is_not_fetched_again(self):
        post = read_inbound(form(message_url="https://evil", body_mime=b"S: x\n\n"))
        self.assertEqual(post.stored_url, "")

    def test_a_post_without_any_content_is_refused(self):
        self.refused("neither")
        self.refused("neither", message_headers="[]", body_plain="")

    def test_headers_alone_are_a_mail(self):
        self.assertEqual(parsed()["Subject"], "Hello")


@tagged("mailgun_tools")
class TestMailHead(BaseCase):
    def enveloped(self, raw, message_id="<1@x>"):
        return envelope(raw, "customer@example.org", [RECIPIENT], message_id)

    def test_the_envelope_comes_first_and_nothing_else_changes(self):
        raw = b"Message-Id: <1@x>\r\nFrom: a@x\r\nSubject: caf\xe9\r\n\r\n\xff\n\r\n"
        self.assertEqual(
            self.enveloped(raw),
            b"Return-Path: <customer@example.org>\r\n"
            b"Delivered-To: sales@mail.example.com\r\n" + raw,
        )

    def test_a_mail_without_a_from_is_from_its_envelope_sender(self):
        for head in (b"Subject: x\r\n", b"DKIM-Signature : x\r\nFrom: boss@x\r\n"):
            result = self.enveloped(b"Message-Id: <1@x>\r\n" + head + b"\r\nText\r\n")
            message = email.message_from_bytes(result, policy=email.policy.SMTP)
            self.assertEqual(message["From"], "customer@example.org")

    def test_a_header_of_unusual_length_is_cut_for_the_parsers(self):
        words = b"=?utf-8?q?a?= " * 60_000
        for name, value in ((b"Subject", words), (b"To", b"a@example.org, " * 40_000)):
            raw = b"Message-Id: <1@x>\r\nFrom: a@x\r\n" + name + b": " + value
            result = self.enveloped(raw + b"\r\n\r\nText\r\n")
            self.assertLess(len(result), 40_000)
            message = email.message_from_bytes(result, policy=email.policy.SMTP)
            self.assertTrue(message[name.decode()])
            self.assertEqual(message.get_content().strip(), "Text")

    def test_what_the_sender_put_there_is_removed_with_its_folded_lines(self):
        for end in (b"\r\n", b"\n", b"\r"):
            raw = end.join(
                [
                    b"DELIVERED-TO: forged@x,",
                    b"\tforged2@x",
                    b"Message-Id: <1@x>",
                    b"From: a@x",
                    b"return-path: <forged@x>",
                    b"",
                    b"Delivered-To: in the body",
                ]
            )
            with self.subTest(end=end):
                result = self.enveloped(raw)
                self.assertNotIn(b"forged", result)
                self.assertIn(b"Delivered-To: in the body", result)
                self.assertEqual(result.count(end), 5)

    def test_odd_mails_stay_readable(self):
        for raw, body in [
            (b"", ""),
            (b"\r\nbody", "body"),
            (b"just text", "just text"),
            (b"From customer Mon Jan 1\nMessage-Id: <1@x>\n\nbody", "body"),
            (b"Message-Id: <1@x>\nno header\n\nbody", "no header\n\nbody"),
            (b" folded\nMessage-Id: <1@x>\n\nbody", "body"),
            (b"X: y\nFrom a@b Tue\nMessage-Id: <1@x>\n\nbody", "body"),
            (b"X: y\n: nameless\nMessage-Id: <1@x>\n\nbody", "body"),
        ]:
            with self.subTest(raw=raw):
                mail = email.message_from_bytes(self.enveloped(raw))
                self.assertEqual(mail["Delivered-To"], RECIPIENT)
                self.assertEqual(mail["Message-Id"], "<1@x>")
                self.assertEqual(mail.get_payload(), body)

    def test_a_missing_message_id_is_made_of_the_bytes(self):
        for raw in (
            b"Subject: x\n\n",
            b"Message-Id:\n\n",
            b"Message-Id: <>\n\n",
            b"Message-Id: <" + b"x" * 300 + b">\n\n",
            # Of these Python, and so core, sees "<nightly" for any number.
            b"Message-Id: <nightly 17@example.org>\n\n",
            b"Message-Id: <nightly<17@example.org>\n\n",
        ):
            with self.subTest(raw=raw):
                found = message_id_of(raw)
                self.assertRegex(found, r"<[0-9a-f]{64}@mailgun\.inbound>")
                self.assertEqual(found, message_id_of(raw))
                mail = email.message_from_bytes(self.enveloped(raw, found))
                self.assertEqual(mail.get_all("Message-Id"), [found])

    def test_a_message_id_is_taken_as_it_is(self):
        for written in ("\n <a@b>", " <a@b>  \n", " =?utf-8?q?<a=40b>?="):
            raw = f"message-id:{written}\n\n".encode()
            self.assertEqual(message_id_of(raw), "<a@b>", written)

    def test_date_and_text_tell_mails_apart(self):
        mail = b"Date: Mon,\r\n 2 Nov\r\nSubject: a\r\n\r\none two\r\n"
        same = b"Received: x\nDate: Mon, 2 Nov\n\none\ntwo"
        self.assertEqual(fingerprint(mail), fingerprint(same))
        for other in (
            mail + b"three",
            mail.replace(b"2 Nov", b"3 Nov"),
            mail.partition(b"\n")[2],
        ):
            self.assertNotEqual(fingerprint(mail), fingerprint(other))

    def test_what_no_head_has_is_text(self):
        for flood in (
            b"A: b\n" * 10_001,
            b"A: b\n" + b" c\n" * 400_000,
            b"A" * 2_000_000,
        ):
            with self.subTest(flood=flood[:10]):
                raw = (
                    b"Message-Id: <1@x>\n" + flood + b"\nDelivered-To: forged@x\n\nbody"
                )
                result = self.enveloped(raw)
                self.assertEqual(message_id_of(raw), "<1@x>")
                self.assertTrue(result.endswith(b"\nDelivered-To: forged@x\n\nbody"))
                mail = email.message_from_bytes(result)
                self.assertEqual(mail.get_all("Delivered-To"), [RECIPIENT])

    def test_nothing_that_begins_a_line_is_left_in_one(self):
        text = "".join(
            f"a{chr(code)}" for code in range(0x3000) if chr(code) not in "a"
        )
        self.assertEqual(len(one_line(text).splitlines()), 1)
        self.assertEqual(one_line("a\0\x7f\x85b\u2028\u2029c\ud800"), "a b c?")
        for end in ("\x85", "\u2028", "\u2029"):
            recipient = f"a@x.com{end}b"
            with self.assertRaises(MalformedPayload):
                read_inbound(form(recipient=recipient, body_mime=b"S: x\n\n"))

    def test_a_subject_is_one_decoded_line_of_limited_length(self):
        self.assertEqual(
            subject_of(b"Subject: =?utf-8?q?caf=C3=A9?=\n folded\n\n"), "café folded"
        )
        self.assertEqual(len(subject_of(b"Subject: " + b"x" * 999 + b"\n\n")), 500)
        self.assertNotIn("\0", subject_of(b"Subject: a\0b\n\n"))


@tagged("mailgun_tools")
class TestParsedForm(BaseCase):
    def test_headers_come_back_in_their_order_and_number(self):
        headers = [("Received", "a"), ("Received", "b"), ("References", "<1@x> <2@x>")]
        mail = parsed(headers=headers)
        self.assertEqual(mail.get_all("Received"), ["a", "b"])
        self.assertEqual(mail["References"], "<1@x> <2@x>")

    def test_names_with_commas_and_accents_come_back(self):
        value = '"Müller, Sales" <sales@example.org>, Zoë <zoe@example.org>'
        mail = parsed(headers=[("From", value), ("Subject", "Grüße")])
        addresses = getaddresses([mail["From"]])
        self.assertEqual(
            addresses,
            [("Müller, Sales", "sales@example.org"), ("Zoë", "zoe@example.org")],
        )
        self.assertEqual(mail["Subject"], "Grüße")

    def test_a_header_cannot_start_another_one(self):
        mail = parsed(headers=[("Subject", "a\r\nBcc: b"), ("X: y\nBcc", "c")])
        self.assertEqual(mail["Subject"], "a Bcc: b")
        self.assertIsNone(mail["Bcc"])

    def test_a_blank_behind_a_headers_name_hides_nothing(self):
        headers = [("Dkim-Signature ", "d=a"), (" DKIM-Signature\t", "d=b")]
        mail = parsed(headers=headers)
        self.assertEqual(mail.get_all("DKIM-Signature"), ["d=a", "d=b"])

    def test_without_a_list_of_headers_the_fields_are_used(self):
        for listed in ("{broken", '"text"', "[1, [2], [3, 4]]"):
            post = read_inbound(
                form(message_headers=listed, Subject="Hello", **{"from": "a@b.com"})
            )
            mail = email.message_from_bytes(post.raw)
            self.assertEqual((mail["Subject"], mail["From"]), ("Hello", "a@b.com"))

    def test_text_alone_html_alone_and_both_come_back(self):
        plain = parsed(body_plain="Grüße\r\n")
        self.assertEqual(plain.get_body().get_content(), "Grüße\r\n")
        html = parsed(body_html="<b>ü</b>")
        self.assertEqual(html.get_content_type(), "text/html")
        both = parsed(body_plain="text", body_html="<b>html</b>")
        self.assertEqual(both.get_content_type(), "multipart/alternative")
        self.assertEqual(both.get_body(("plain",)).get_content(), "text")
        self.assertEqual(both.get_body(("html",)).get_content(), "<b>html</b>")

    def test_the_same_form_gives_the_same_bytes(self):
        fields = {"body_plain": "text", "body_html": '<img src="cid:logo@x">'}
        ids = '{"<logo@x>": "attachment-1"}'
        made = {
            read_inbound(form([file(1), file(2)], content_id_map=ids, **fields)).raw
            for _time in range(3)
        }
        self.assertEqual(len(made), 1)

    def test_several_html_parts_come_back_as_parts(self):
        one, two = "<html><p>one</p></html>", "<html><p>two</p></html>"
        mail = parsed(body_plain="text", body_html=f"{one}\n{two}")
        self.assertEqual(mail.get_content_type(), "multipart/mixed")
        texts = [
            part.get_content().strip()
            for part in mail.walk()
            if part.get_content_type() == "text/html"
        ]
        self.assertEqual(texts, [one, two])

    def test_an_invitation_comes_back(self):
        mail = parsed(body_plain="text", body_calendar="BEGIN:VCALENDAR")
        kinds = [part.get_content_type() for part in mail.iter_parts()]
        self.assertEqual(kinds, ["text/plain", "text/calendar"])

    def test_attachments_keep_name_order_and_bytes_over_gaps(self):
        files = [file(12, "last.pdf"), file(2, "first.pdf", data=b"\r\n\xff\0\n")]
        mail = parsed(files, body_plain="text")
        found = [(p.get_filename(), p.get_content()) for p in mail.iter_attachments()]
        self.assertEqual(
            found, [("first.pdf", b"\r\n\xff\0\n"), ("last.pdf", b"%PDF-\xff\0")]
        )

    def test_whatever_its_field_is_called_a_file_is_attached(self):
        files = [FilePart("file", "b.pdf", "", b"%PDF-2"), file(1, "a.pdf")]
        mail = parsed(files, body_plain="text")
        names = [part.get_filename() for part in mail.iter_attachments()]
        self.assertEqual(names, ["a.pdf", "b.pdf"])

    def test_more_headers_than_are_read_hide_no_text(self):
        mail = parsed(headers=[("X", "y")] * 12_000, body_plain="How much?")
        self.assertIn(b"content-type", dict(split(mail.as_bytes())[0]))
        self.assertEqual(mail.get_content().strip(), "How much?")

    def test_text_and_mails_as_attachments_keep_their_bytes(self):
        for kind in ("text/csv", "message/rfc822", "multipart/mixed"):
            with self.subTest(kind=kind):
                data = b"caf\xe9;1\r\n\n"
                (part,) = parsed(
                    [file(kind=kind, data=data)], body_plain="x"
                ).iter_attachments()
                self.assertEqual(part.get_content(), data)

    def test_a_missing_type_is_told_from_the_bytes(self):
        for kind in ("", "application/octet-stream", "nonsense"):
            (part,) = parsed(
                [file(kind=kind, data=PNG)], body_plain="x"
            ).iter_attachments()
            self.assertEqual(part.get_content_type(), "image/png")

    def test_odd_file_names_are_kept_as_far_as_a_header_can_hold_them(self):
        for name, kept in [
            ("Grüße.pdf", "Grüße.pdf"),
            ("a\r\nb.pdf", "a b.pdf"),
            ('a "b";c.pdf', 'a "b";c.pdf'),
            ("", "attachment-1.pdf"),
        ]:
            with self.subTest(name=name):
                (part,) = parsed([file(name=name)], body_plain="x").iter_attachments()
                self.assertEqual(part.get_filename(), kept)

    def test_an_image_in_the_text_is_related_and_others_are_attached(self):
        mail = parsed(
            [file(1, "in.png", "image/png", PNG), file(2, "out.png", "image/png", PNG)],
            body_html='<img src="cid:logo@x">',
            content_id_map='{"<logo@x>": "attachment-1", "": "attachment-2"}',
        )
        self.assertEqual(mail.get_content_type(), "multipart/mixed")
        related, attached = mail.iter_parts()
        self.assertEqual(related.get_content_type(), "multipart/related")
        (image,) = [p for p in related.walk() if p["Content-Id"] == "<logo@x>"]
        self.assertEqual(image.get_content(), PNG)
        self.assertEqual(attached.get_filename(), "out.png")

    def test_a_broken_content_id_map_costs_no_attachment(self):
        for broken in ("{", "[]", '{"<a>": {"url": "x"}}', '{"<a>": 1}'):
            mail = parsed([file()], body_plain="x", content_id_map=broken)
            self.assertEqual(len(list(mail.iter_attachments())), 1)
