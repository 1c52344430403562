import base64
import email
import email.policy
from email.message import EmailMessage

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.mime.core_copy import (
    LONG,
    SHOWN,
    core_copy,
    readable_copy,
)
from odoo.addons.mail_mailgun.tools.mime.mail_head import envelope
from odoo.addons.mail_mailgun.tools.mime.mend_head import header_values

LINE = "How much is it, and how long does it take? Größe 38.\n"
TEXT = LINE * (2 * LONG // len(LINE))
HEAD = b"From: Ann <ann@example.org>\r\nTo: people@mail.example.com\r\n"
PDF = b"%PDF-1.4 \xe9\x00\r\nabc"


def mail_of(text, encoding="quoted-printable", charset="utf-8"):
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["From"] = "Customer <customer@example.org>"
    mail["To"] = "people@mail.example.com"
    mail["Subject"] = "A question"
    mail["Message-Id"] = "<1@example.org>"
    mail.set_content(text, cte=encoding, charset=charset)
    return mail


def multipart(*parts, kind="mixed", boundary=b"x", declared=b'"x"'):
    """Return a mail of parts, each (headers, content)."""
    lines = b"".join(
        b"--%s\r\n%s\r\n%s\r\n" % (boundary, head, content) for head, content in parts
    )
    kind = kind.encode()
    head = b"Content-Type: multipart/%s; boundary=%s\r\n\r\n" % (kind, declared)
    return HEAD + head + lines + b"--%s--\r\n" % boundary


class CopyCase(BaseCase):
    def copied(self, raw, sender="ann@example.org"):
        self.found = core_copy(raw, sender)
        self.faults = set(self.found.faults)
        return email.message_from_bytes(self.found.mime, policy=email.policy.SMTP)

    def text(self, raw):
        found = self.copied(raw).get_body(("html", "plain")).get_content()
        return found.replace("\r\n", "\n").strip()

    def files(self, raw):
        """Return name, declared type and bytes of what is put back, in its order."""
        copy = self.copied(raw)
        parts = {part.mark: part for part in self.found.parts}
        marked = [one for one in copy.walk() if one.get_filename()]
        return [
            (one.get_filename(), part.kind, part.data)
            for one in marked
            if (part := parts[one.get_content()])
        ]


@tagged("mailgun_tools")
class TestHeaderValues(BaseCase):
    def test_whatever_a_header_says_its_values_are_those_of_the_copy(self):
        ann = "ann@example.org"
        for raw, values in (
            (b"From: customer@\r\n", []),
            (b"From: =?utf-8?q?a=0D=0Ab?= <ann@example.org>\r\n", [f"a b <{ann}>"]),
            (b"From: Team: ann@example.org;\r\n", [ann]),
            (b"X: y\r\nno header\r\nFrom: ann@example.org\r\n", [ann]),
            (b"\xef\xbb\xbfFrom: ann@example.org\r\n", [ann]),
            (b"From: =?x?b?AA==?=ann@example.org\r\n", [ann]),
            (b"From: a <=?utf-8?q?ann=00?=@example.org>\r\n", [f"a <{ann}>"]),
            (b"To: ann@example.org\r\n", []),
        ):
            with self.subTest(raw=raw):
                self.assertEqual(header_values(raw + b"\r\nHello", "from"), values)
                copy = email.message_from_bytes(
                    core_copy(raw + b"\r\nHello").mime, policy=email.policy.SMTP
                )
                self.assertEqual(copy.get_all("from", []), values)


@tagged("mailgun_tools")
class TestTexts(CopyCase):
    def test_an_encoded_word_that_is_none_keeps_nothing_from_being_read(self):
        word = b"=?utf-8?b?abcde?="
        named = b'Content-Type: application/pdf; name="%s"\r\n' % word
        plain = b"Content-Type: text/plain\r\n"
        head = b"Reply-To: %s <a@b.test>\r\nSubject: %s\r\n" % (word, word)
        raw = head + multipart((plain, b"How much?"), (named, PDF))
        self.assertEqual(self.text(raw), "How much?")
        self.assertEqual([data for _name, _kind, data in self.files(raw)], [PDF])

    def test_a_long_text_is_cut_and_kept_whole_in_every_encoding(self):
        for encoding in ("quoted-printable", "base64", "8bit"):
            for charset in ("utf-8", "iso-8859-1"):
                with self.subTest(encoding=encoding, charset=charset):
                    raw = mail_of(TEXT, encoding, charset).as_bytes()
                    shown = self.text(raw)
                    self.assertTrue(TEXT.startswith(shown))
                    self.assertGreater(len(shown), SHOWN // 4)
                    self.assertLess(len(self.found.mime), 2 * SHOWN)
                    (whole,) = self.found.parts
                    text = whole.data.decode(charset).replace("\r\n", "\n")
                    self.assertEqual((whole.mark, text.strip()), (None, TEXT.strip()))

    def test_a_text_without_a_single_space_is_cut_as_well(self):
        self.assertEqual(len(self.text(b"Subject: x\r\n\r\n" + b"x" * 2 * LONG)), SHOWN)

    def test_letters_are_read_in_the_charset_that_they_are_in(self):
        for charset, data, text in (
            (b"", "Größe".encode(), "Größe"),
            (b"", b"Gr\xf6\xdfe", "Größe"),
            (b"unknown-8bit", b"Gr\xf6\xdfe", "Größe"),
            (b'""', "Größe".encode(), "Größe"),
            (b"'utf-8'", "Größe".encode(), "Größe"),
            (b"us-ascii", "Größe".encode(), "Größe"),
            (b"utf-8", b"Gr\xf6\xdfe", "Größe"),
            (b"iso-8859-1", b"\x93Gr\xf6\xdfe\x94 \x80", "“Größe” €"),
            (b"gb2312", "朱镕基".encode("gb18030"), "朱镕基"),
            (b"ks_c_5601-1987", "똠방각하".encode("cp949"), "똠방각하"),
            (b"x-mac-cyrillic", "Привет".encode("mac_cyrillic"), "Привет"),
            (b"nobody-knows", ("Привет, как дела? " * 20).encode("koi8-r"), None),
            (b"iso-2022-jp", b"\x1b$B-!\x1b(B test", "① test"),
            (b"hex", b"Hello", "Hello"),
            (b"a\0b", b"Hello", "Hello"),
        ):
            with self.subTest(charset=charset, data=data):
                kind = b"Content-Type: text/plain; charset=" + charset
                kind = kind if charset else b"X-Nothing: said"
                found = self.text(HEAD + kind + b"\r\n\r\n" + data)
                self.assertEqual(found, text or data.decode("koi8-r").strip())

    def test_a_page_may_name_its_charset_itself(self):
        page = b"<html><head><meta charset='iso-8859-2'></head>\xb3\xf3d\xbc</html>"
        found = self.text(HEAD + b"Content-Type: text/html\r\n\r\n" + page)
        self.assertIn("łódź", found)
        self.assertEqual(self.faults, {"charset"})

    def test_what_is_nested_deep_stays(self):
        page = "<div>" * 400 + "innermost" + "</div>" * 400 + "<p>the end</p>"
        raw = HEAD + b"Content-Type: text/html\r\n\r\n" + page.encode()
        found = self.text(raw)
        self.assertIn("innermost", found)
        self.assertIn("the end", found)
        self.assertLess(found.count("<div>"), 256)
        self.assertEqual(self.faults, {"html"})

    def test_a_picture_in_the_source_becomes_a_file(self):
        picture = bytes(range(256)) * 4096
        address = base64.b64encode(picture).decode()
        page = f'<img src="data:image/png;base64,{address}"><p>the end</p>'
        raw = HEAD + b"Content-Type: text/html\r\n\r\n" + page.encode()
        self.assertEqual(self.files(raw), [("picture-0.png", "image/png", picture)])
        self.assertIn('src="cid:picture-0"', self.text(raw))

    def test_a_mail_without_parts_shows_what_is_in_it(self):
        for declared in (b"", b"; boundary=y", b'; boundary=""', b"; boundary"):
            raw = (
                HEAD + b"Content-Type: multipart/mixed%s\r\n\r\nCall me\r\n" % declared
            )
            with self.subTest(declared=declared):
                self.assertEqual(self.text(raw), "Call me")
                self.assertEqual(self.faults, {"boundary"})


@tagged("mailgun_tools")
class TestParts(CopyCase):
    def test_boundaries_are_found_however_they_are_written(self):
        for boundary, declared in (
            (b"a", b'"a "'),
            (b"----=_Next_1", b"----=_Next_1"),
            (b"a/b:c'd", b"a/b:c'd"),
            (b"abc", b"<abc>"),
            (b"<abc>", b"<abc>"),
            (b"abc", b"'abc'"),
            (b"abc", b"abc; charset=utf-8"),
            (b"abc", b""),
            (b"abc", b"other"),
        ):
            raw = multipart((b"", b"Hello"), boundary=boundary, declared=declared)
            with self.subTest(boundary=boundary, declared=declared):
                self.assertEqual(self.text(raw), "Hello")

    def test_files_are_what_was_sent_whatever_they_say_they_are(self):
        for kind in (
            b"text/plain",
            b"text/csv; charset=us-ascii",
            b"text/xml",
            b"text/html",
            b"text/calendar",
            b"model/stl",
            b"font/woff2",
            b"bin/x",
            b"application/pdf",
            b"message/rfc822",
            b"message/delivery-status",
            b"base64; name=x",
            b"*/*",
            b"",
        ):
            head = (
                b"Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\n"
                b"Content-Disposition: attachment; filename=a.x\r\n" % kind
            )
            raw = multipart((b"", b"Hello"), (head, base64.encodebytes(PDF)))
            with self.subTest(kind=kind):
                ((name, _kind, data),) = self.files(raw)
                self.assertEqual((name.removesuffix(".eml"), data), ("a.x", PDF))
                self.assertEqual(self.text(raw), "Hello")

    def test_files_without_encoding_are_what_was_sent(self):
        head = b"Content-Type: text/csv\r\nContent-Disposition: attachment\r\n"
        data = "Größe;Preis\n38;1".encode("latin-1")
        raw = multipart((b"", b"Hello"), (head, data))
        self.assertEqual(self.files(raw), [("attachment.csv", "text/csv", data)])

    def test_each_file_has_its_own_type_whatever_its_name(self):
        for name in (b"; name=Offer", b""):
            parts = [
                (b"Content-Type: %s%s\r\n" % (kind, name), kind)
                for kind in (b"image/png", b"application/pdf", b"text/calendar")
            ]
            found = self.files(multipart((b"", b"Hello"), *parts))
            self.assertEqual(
                [(kind.encode(), data) for _name, kind, data in found],
                [(data, data) for _head, data in parts],
            )

    def test_names_are_read_as_they_are_meant(self):
        for written, name in (
            (b"filename=This is a test.pdf", "This is a test.pdf"),
            (b"filename==?utf-8?q?Gr=C3=B6=C3=9Fe=2Epdf?=", "Größe.pdf"),
            (b'filename="=?iso-8859-1?q?Gr=F6=DFe=2Epdf?="', "Größe.pdf"),
            (b"filename*=utf-8''Gr%C3%B6%C3%9Fe.pdf", "Größe.pdf"),
            (
                b"filename*0*=utf-8''Gr%C3%B6; filename*1*=%C3%9F; filename*2=e.pdf",
                None,
            ),
            (b'filename="a\\"b.pdf"', 'a"b.pdf'),
            (b'filename="a\0b.pdf"', "a b.pdf"),
            (b"filename*; filename=a.pdf", "a.pdf"),
            (b'filename="Gr\xf6\xdfe.pdf"', "Größe.pdf"),
        ):
            head = b"Content-Type: application/pdf\r\nContent-Disposition: attachment; "
            raw = multipart((b"", b"Hello"), (head + written + b"\r\n", PDF))
            with self.subTest(written=written):
                ((found, _kind, _data),) = self.files(raw)
                self.assertEqual(found, name or "Größe.pdf")

    def test_a_picture_is_shown_without_a_name_and_with_a_folded_id(self):
        for head in (
            b"Content-ID:\r\n <logo@x>",
            b"Content-ID: <logo@x>",
            b"content-id: logo@x",
        ):
            head = b"Content-Type: image/png\r\n" + head + b"\r\n"
            page = (b"Content-Type: text/html\r\n", b"<img src=cid:logo@x>")
            copy = self.copied(multipart(page, (head, PDF), kind="related"))
            (picture,) = [one for one in copy.walk() if one.get_filename()]
            self.assertEqual(picture["Content-ID"], "<logo@x>")
            self.assertEqual(picture.get_filename(), "attachment.png")

    def test_a_mail_in_the_mail_is_a_file_and_stays_apart(self):
        inner = HEAD + b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\ninner text"
        raw = multipart(
            (b"", b"My own words"), (b"Content-Type: message/rfc822\r\n", inner)
        )
        self.assertEqual(self.files(raw), [("Grüße.eml", "message/rfc822", inner)])
        self.assertNotIn(b"inner", self.found.mime)

    def test_what_has_come_back_is_left_for_core_to_look_into(self):
        inner = b"Message-Id: <1@mail.example.com>\r\n\r\ntext"
        status = b"Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b"
        raw = multipart(
            (b"", b"It came back"),
            (b"Content-Type: message/delivery-status\r\n", status),
            (b"Content-Type: message/rfc822\r\n", inner),
            kind="report",
        )
        kinds = [one.get_content_type() for one in self.copied(raw).walk()]
        self.assertIn("message/delivery-status", kinds)
        self.assertIn("message/rfc822", kinds)
        self.assertFalse(self.found.parts)

    def test_a_report_without_what_it_reports_is_read(self):
        for kind in (
            b"message/rfc822",
            b"text/rfc822-headers",
            b"message/delivery-status",
        ):
            raw = multipart((b"Content-Type: %s\r\n" % kind, b""), kind="report")
            (part,) = self.copied(raw).iter_parts()
            self.assertEqual(part.get_content_type(), kind.decode())
            self.assertEqual(self.faults, {"report"})

    def test_parts_in_parts_have_an_end(self):
        raw = b"x"
        for number in range(200):
            mark = b"b%d" % number
            head = b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n" % mark
            raw = head + b"--%s\r\n%s\r\n--%s--" % (mark, raw, mark)
        self.assertTrue(self.copied(HEAD + raw))
        self.assertNotIn("unreadable", self.faults)


@tagged("mailgun_tools")
class TestHeads(CopyCase):
    def test_addresses_are_read_whatever_stands_around_them(self):
        for written, found in (
            (b"Joe@Shop <joe@example.org>", "joe@example.org"),
            ("Jörg [Vertrieb] Müller <joe@example.org>".encode(), "joe@example.org"),
            (b"=?utf-8?q?Jane=0D=0ARoe?= <joe@example.org>", "joe@example.org"),
            (b"J\0e <joe@example.org>", "joe@example.org"),
            (b'"Joe <joe@example.org>', "joe@example.org"),
            (b"Team: joe@example.org, ann@example.org;", "joe@example.org"),
            (b"=?x?z?a?= <joe@example.org>", "joe@example.org"),
        ):
            with self.subTest(written=written):
                copy = self.copied(b"From: %s\r\n\r\nHello" % written)
                self.assertEqual(copy["From"].addresses[0].addr_spec, found)
                self.assertFalse(set(str(copy["From"])) & set("\r\n\0"))

    def test_a_name_in_several_encoded_words_is_one(self):
        words = b"=?utf-8?q?Beispie?=\r\n =?utf-8?q?lgesellschaft?= <joe@example.org>"
        copy = self.copied(b"From: %s\r\n\r\nHello" % words)
        self.assertEqual(copy["From"].addresses[0].display_name, "Beispielgesellschaft")

    def test_addresses_that_are_right_stay_byte_for_byte(self):
        for written in (
            b'"Doe, John" <john@example.org>, ann@example.org (Ann)',
            b'"sales team"@example.org',
            b"=?utf-8?q?J=C3=B6rg?= <joe@example.org>",
            b"Anna\r\n <anna@example.org>",
        ):
            raw = b"From: %s\r\n\r\nHello" % written
            self.copied(raw)
            self.assertIn(b"From: %s\r\n" % written, self.found.mime)
            self.assertFalse(self.faults)

    def test_what_ends_a_head_too_early_is_left_out(self):
        for raw in (
            b"\xef\xbb\xbfSubject: Hello\r\nFrom: a@example.org\r\n\r\ntext",
            b"From: a@example.org\r\nno header\r\nSubject: Hello\r\n\r\ntext",
            b" blanks\r\nFrom: a@example.org\r\nSubject: Hello\r\n\r\ntext",
            b"X: y\r\nFrom a@b\r\nSubject: Hello\r\nFrom: a@example.org\r\n\r\ntext",
            b"X: y\r\n: nameless\r\nSubject: Hello\r\nFrom: a@example.org\r\n\r\ntext",
        ):
            with self.subTest(raw=raw):
                copy = self.copied(raw)
                self.assertEqual(copy["Subject"], "Hello")
                self.assertEqual(copy["From"], "a@example.org")
                self.assertEqual(self.text(raw), "text")

    def test_a_text_that_looks_like_headers_is_a_text(self):
        raw = HEAD + b"\r\nSubject: of my question\r\nto: be or not"
        self.assertEqual(self.text(raw), "Subject: of my question\nto: be or not")

    def test_subjects_and_dates_are_read_or_left_out(self):
        for line, name, found in (
            (b"Subject: Gr\xf6\xdfe", "Subject", "Größe"),
            ("Subject: Größe".encode(), "Subject", "Größe"),
            (b"Subject: =?utf-8?q?a=0Ab?=", "Subject", "a b"),
            (b"Date: Tue, 3 Nov 99999999999999999999 10:00:00 +0000", "Date", None),
            (b"Date: Tue, 3 Nov 2026 10:00:00 +99999999999999", "Date", None),
            (b"Message-Id: <1@B\xfcro>", "Message-Id", None),
        ):
            with self.subTest(line=line):
                copy = self.copied(HEAD + line + b"\r\n\r\nHello")
                self.assertEqual(copy[name], found)

    def test_of_what_cannot_be_read_at_all_the_original_is_attached(self):
        raw = HEAD + b"Subject: Hello\r\n\r\nHow much is it?"
        copy = readable_copy(raw)
        parsed = email.message_from_bytes(copy.mime, policy=email.policy.SMTP)
        self.assertEqual(parsed["Subject"], "Hello")
        self.assertIn("How much", parsed.get_body().get_content())
        self.assertEqual([part.data for part in copy.parts], [raw])
        self.assertEqual(copy.faults, ["unreadable"])


@tagged("mailgun_tools")
class TestOutsideEyes(CopyCase):
    """What was found by trying mails that nobody here had thought of."""

    def test_an_encoding_in_quotes_or_with_a_comment_is_understood(self):
        for encoding in (b'"base64"', b"base64 (yes)", b" BASE64"):
            head = b"Content-Type: application/pdf; name=a.pdf\r\n"
            head += b"Content-Transfer-Encoding: " + encoding + b"\r\n"
            raw = multipart((head, base64.b64encode(PDF)))
            self.assertEqual(self.files(raw)[0][2], PDF, encoding)

    def test_a_blank_that_is_declared_behind_a_boundary_may_be_there(self):
        head = b"Content-Type: application/pdf; name=a.pdf\r\n"
        raw = multipart((head, PDF), boundary=b"a ", declared=b'"a "')
        self.assertEqual([data for *_names, data in self.files(raw)], [PDF])

    def test_an_empty_page_hides_no_text(self):
        plain, page = b"Content-Type: text/plain\r\n", b"Content-Type: text/html\r\n"
        raw = multipart((plain, b"How much?"), (page, b"\r\n"), kind="alternative")
        self.assertEqual(self.text(raw), "How much?")

    def test_what_is_too_deep_is_attached(self):
        raw = HEAD
        for depth in range(60):
            raw += b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n" % depth
            raw += b"--b%d\r\n" % depth
        ((name, _kind, data),) = self.files(raw + b"\r\nHow much?")
        self.assertTrue(name.endswith(".eml"))
        self.assertIn(b"How much?", data)

    def test_a_text_in_utf_8_that_is_broken_stays_readable(self):
        for broken in (b"\xed\xa0\x80", b"\xc3", b"\xff"):
            raw = HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
            found = self.text(raw + "Größe 38, für Jörg ".encode() + broken)
            self.assertIn("Größe 38, für Jörg", found)

    def test_a_page_says_nothing_of_the_charset_that_it_was_in(self):
        page = "<html><meta charset='utf-16'><body>Größe</body></html>".encode()
        raw = HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + page
        self.assertNotIn("utf-16", self.text(raw))

    def test_a_date_that_odoo_cannot_store_is_left_out(self):
        date = b"Date: Tue, 03 Nov -2026 10:00:00 +0100\r\n"
        self.assertNotIn("Date", self.copied(date + HEAD + b"\r\nHello"))
        self.assertIn("date", self.faults)

    def test_a_page_that_is_nested_without_end_keeps_its_words(self):
        head = b"Content-Type: text/html; charset=utf-8\r\n\r\n"
        for depth in (250, 3000, 50_000):
            page = b"<div>" * depth + b"How much?" + b"</div>" * depth + b"<p>Ann</p>"
            text = self.text(HEAD + head + page)
            for word in ("How much?", "<p>Ann</p>"):
                self.assertIn(word, text, depth)

    def test_more_headers_than_are_read_hide_no_text(self):
        head = HEAD + b"X: y\r\n" * 12_000
        copy = core_copy(head + b"\r\nHow much?", "ann@example.org")
        mime = envelope(copy.mime, "ann@example.org", ["a@b.example"], "<1@b>")
        found = email.message_from_bytes(mime, policy=email.policy.SMTP)
        self.assertIn("How much?", found.get_content())

    def test_who_names_nobody_is_known_by_the_envelope(self):
        for who in (b"Lone", b"customer@", b"", b"<>"):
            raw = b"From: " + who + b"\r\nSubject: Hello\r\n\r\nHello"
            copy = core_copy(raw, "customer@example.org")
            mime = envelope(copy.mime, "customer@example.org", ["a@b.example"], "<1@b>")
            found = email.message_from_bytes(mime, policy=email.policy.SMTP)
            self.assertEqual(found.get_all("From"), ["customer@example.org"], who)

    def test_files_behind_parts_with_the_boundary_of_those_around_them_stay(self):
        raw = multipart(
            (
                b'Content-Type: multipart/alternative; boundary="b"\r\n',
                b"--b\r\n\r\nHow much?\r\n--b--\r\n",
            ),
            (b"Content-Type: application/pdf; name=a.pdf\r\n", PDF),
            boundary=b"b",
            declared=b'"b"',
        )
        self.assertEqual([data for *_names, data in self.files(raw)], [PDF])
        parts = self.copied(raw).walk()
        leaves = [one for one in parts if one.get_content_maintype() == "text"]
        self.assertIn("How much?", [one.get_content().strip() for one in leaves])

    def test_a_letter_in_utf_8_is_read_beside_a_broken_one(self):
        raw = HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
        self.assertIn("Größe", self.text(raw + "Größe ".encode() + b"\xc3 \xff"))
        self.assertIn("Größe", self.text(raw + "Größe".encode("cp1252")))

    def test_a_calendar_stays_beside_an_empty_text(self):
        calendar = b"BEGIN:VCALENDAR\r\nEND:VCALENDAR"
        raw = multipart(
            (b"Content-Type: text/plain\r\n", b"\r\n"),
            (b"Content-Type: application/octet-stream; name=a.bin\r\n", b""),
            (b"Content-Type: text/calendar; name=a.ics\r\n", calendar),
            kind="alternative",
        )
        self.assertEqual([data for *_names, data in self.files(raw)], [b"", calendar])
