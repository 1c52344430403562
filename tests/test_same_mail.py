import json
import time
from email.message import EmailMessage

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.mime.forms import Form
from odoo.addons.mail_mailgun.tools.mime.inbound import read_inbound
from odoo.addons.mail_mailgun.tools.mime.same_mail import (
    is_same_letter,
    is_same_mail,
)

MONDAY = "Mon, 02 Nov 2026 10:00:00 +0000"
TUESDAY = "Tue, 03 Nov 2026 10:00:00 +0000"
WAY = b"Received: from a by mxa.mailgun.org with SMTP id 1; Mon, 2 Nov\r\n"


def mail(text="Hello", html=None, files=(), **headers):
    """Return a mail as bytes."""
    made = EmailMessage()
    values = {"From": "a@x.example", "To": "b@y.example", "Subject": "Hi", **headers}
    for name, value in values.items():
        made[name] = value
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    for name, data in files:
        made.add_attachment(data, "application", "pdf", filename=name)
    return made.as_bytes()


def raw(text, charset, head=b"Subject: Hi\r\n"):
    """Return a mail whose text is 8-bit."""
    kind = b"Content-Type: text/plain; charset=" + charset.encode()
    return b"From: a@x.example\r\n" + head + kind + b"\r\n\r\n" + text.encode(charset)


def kept(mail):
    """Return a mail as JSON gives it, which has no bytes."""
    return mail.decode("utf-8", "replace").encode()


@tagged("mailgun_tools")
class TestSameMail(BaseCase):
    def test_white_space_and_encodings_make_no_other_mail(self):
        mails = [
            mail("Grüße", Subject="Grüße"),
            mail("Grüße", Subject="Grüße").replace(b"\n", b"\r\n"),
            b"From: A <a@x.example>\r\nTo: <b@y.example>\r\n"
            b"Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"
            b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdfe",
        ]
        for other in mails:
            self.assertTrue(is_same_mail(mails[0], other), other)

    def test_whatever_it_says_makes_another_mail(self):
        one = mail("Hello 1", "<p>Hello</p>", [("a.pdf", b"%PDF-1")], Date=MONDAY)
        for other in (
            mail("Hello 1", "<p>Hullo</p>", [("a.pdf", b"%PDF-1")], Date=MONDAY),
            mail("Hello 1", "<p>Hello</p>", [("a.pdf", b"%PDF-2")], Date=MONDAY),
            mail("Hello 1", "<p>Hello</p>", [("a.pdf", b"%PDF-1")], Date=TUESDAY),
            mail("Hello 1", "<p>Hello</p>", [], Date=MONDAY),
            mail("Hello 1", "<p>Hello</p>", [("a.pdf", b"%PDF-1")]),
            one.replace(b"Subject: Hi", b"Subject: Ho"),
            one.replace(b"From: a@", b"From: c@"),
            one.replace(b"To: b@", b"To: c@"),
        ):
            self.assertFalse(is_same_mail(one, other), other)
        self.assertFalse(is_same_mail(mail("Hello ü"), mail("Hello ö")))

    def test_the_ways_that_both_tell_of_have_to_meet(self):
        one = WAY + mail()
        other = one.replace(b"id 1", b"id 2")
        folded = one.replace(b" by", b"\r\n by", 1)
        self.assertTrue(is_same_mail(one, b"Received: from b by c\r\n" + folded))
        self.assertTrue(is_same_mail(one, mail()))
        self.assertFalse(is_same_mail(one, other))

    def test_a_mail_that_json_has_damaged_is_still_the_same(self):
        for charset, text in (
            ("iso-8859-1", "Grüße %s"),
            ("gbk", "你好 %s 世界"),
            ("big5", "許功蓋 %s"),
            ("koi8-r", "Привет %s"),
        ):
            with self.subTest(charset=charset):
                one, other = (raw(text % number, charset) for number in "12")
                self.assertNotEqual(one, kept(one))
                self.assertTrue(is_same_mail(one, kept(one)))
                self.assertFalse(is_same_mail(one, kept(other)))
        head = "Subject: Grüße\r\n".encode("iso-8859-1")
        self.assertTrue(is_same_mail(mail(), mail()))
        one = raw("x", "ascii", head)
        self.assertTrue(is_same_mail(one, kept(one)))

    def test_a_mail_that_was_taken_apart_is_still_the_same(self):
        head = [["From", "A <a@x.example>"], ["Subject", "Grüße"], ["Date", "2 Nov"]]
        fields = {
            "recipient": "b@y.example",
            "message-headers": json.dumps(head),
            "body-plain": "made of the other",
            "body-html": "<p>Hello</p>",
        }
        form = Form([(name, value.encode()) for name, value in fields.items()])
        whole = (
            "From: a@x.example\r\nSubject: Grüße\r\nDate: 2 Nov\r\n"
            "Content-Type: text/html\r\n\r\n<p>Hello</p>\r\n"
        ).encode()
        self.assertTrue(is_same_mail(read_inbound(form).raw, whole))
        self.assertFalse(is_same_mail(read_inbound(form).raw, whole + b"!"))

    def test_a_mail_that_is_hard_to_read_takes_no_time(self):
        long = b"Content-Type: text/plain; a=" + b";" * 9000 + b"\r\n\r\nx"
        start = time.monotonic()
        for odd in (long, long.replace(b";", b";\r\n "), b"a: b\r\n\r\n" + long):
            self.assertTrue(is_same_mail(odd, odd))
            self.assertFalse(is_same_mail(odd, odd + b"!"))
        self.assertLess(time.monotonic() - start, 1)

    def test_under_one_id_sender_date_and_subject_tell_that_it_is_one(self):
        one = mail("Hello", "<p>Hello</p>", Date=MONDAY, From="Ä <a@x.example>")
        self.assertTrue(is_same_letter(one, mail("A footer", Date=MONDAY)))
        for other in (
            mail("Hello", Date=TUESDAY),
            mail("Hello", Date=MONDAY, Subject="Ho"),
            mail("Hello", Date=MONDAY, From="b@x.example"),
            mail("Hello"),
        ):
            self.assertFalse(is_same_letter(one, other), other)
        self.assertFalse(is_same_letter(mail("Hello"), mail("A footer")))
        self.assertTrue(is_same_letter(mail("Hello"), mail(" Hello ")))
