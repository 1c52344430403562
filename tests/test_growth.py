import functools
import json
import time
from urllib.parse import quote

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.errors import MalformedPayload
from odoo.addons.mail_mailgun.tools.mime.core_copy import core_copy
from odoo.addons.mail_mailgun.tools.mime.forms import FilePart, Form, parse_form
from odoo.addons.mail_mailgun.tools.mime.inbound import InboundPost, read_inbound
from odoo.addons.mail_mailgun.tools.mime.mail_head import (
    envelope,
    fingerprint,
    is_automatic,
)
from odoo.addons.mail_mailgun.tools.mime.same_mail import is_same_mail
from odoo.addons.mail_mailgun.tools.mime.verdicts import read_verdicts

SMALL, LARGE, HUGE = 100_000, 1_000_000, 10_000_000
# Ten times the length may take so many times as long; with the square it would be 100.
MOST = 40
# Seconds that are too short to be compared.
NOTHING = 0.03

SENDER, RECIPIENT = "customer@example.org", "people@mail.example.com"


def repeated(unit, begin=b""):
    """Return what makes a text of any length of the same unit."""
    return lambda length: begin + unit * (length // len(unit))


@tagged("mailgun_tools")
class TestGrowth(BaseCase):
    """Whatever a sender writes: ten times as much never takes a hundred times as long.

    All of this happens before Mailgun has its answer.
    """

    def assert_grows_evenly(self, work, make):
        """Do the same with what is made of three lengths, each ten times the other."""
        seconds = []
        for length in (SMALL, LARGE, HUGE):
            made = make(length)
            # Of the thread alone: others may keep the machine busy.
            begun = time.thread_time()
            work(made)
            seconds.append(max(time.thread_time() - begun, NOTHING))
            if len(seconds) > 1:
                self.assertLess(seconds[-1] / seconds[-2], MOST)

    def test_heads_of_mails(self):
        for begin, unit in (
            (b"Subject: a\r\n", b" b\r\n"),
            (b"", b"A: b\r\n"),
            (b"", b"A:\n"),
            (b"", b"a"),
            (b"Subject: a\r\n", b"\r"),
            (b"From ", b" "),
            (b"Message-Id: ", b"("),
            (b"Message-Id: ", b"(a)"),
            (b"Message-Id: ", b"<"),
            (b"Message-Id: <", b'"'),
            (b"Message-Id: ", b"a "),
            (b"Subject: ", b"a "),
            (b"Subject: ", b"=?utf-8?q?a?= "),
            (b"Subject: ", b"=?"),
            (b"From: ", b'"'),
            (b"To: ", b"a,"),
            (b"Received: from ", b"("),
            (b"Received: from ", b"(a "),
            (b"Received: from ", b"(a [192.0.2.1]) by "),
            (b"Received: from ", b"(a [192.0.2.1 "),
            (b"DKIM-Signature: ", b"; "),
            (b"DKIM-Signature: ", b"d "),
            (b"Content-Type: ", b";"),
            (b"Subject: a\r\n\r\n", b"a "),
        ):
            with self.subTest(begin=begin, unit=unit):
                self.assert_grows_evenly(self.take, repeated(unit, begin))

    def take(self, raw):
        post = InboundPost.from_raw(raw, SENDER, [RECIPIENT])
        read_verdicts(raw)
        is_automatic(raw)
        envelope(raw, SENDER, [RECIPIENT], post.message_id)
        fingerprint(raw)
        is_same_mail(raw, raw + b".")

    def test_copies_of_mails_whose_heads_are_broken(self):
        for begin, unit in (
            (b"", b"no header\r\nSubject: x\r\n"),
            (b"From: ", b"a@b "),
            (b"Subject: a\r\n", b"From \r\nTo: a\r\n"),
        ):
            with self.subTest(begin=begin, unit=unit):
                self.assert_grows_evenly(core_copy, repeated(unit, begin))

    def test_parsed_forms(self):
        for name, unit in (
            ("From", "é"),
            ("From", '"'),
            ("To", "é <a@example.org>,"),
            ("Subject", "é "),
            ("Content-Id", "("),
        ):
            with self.subTest(name=name, unit=unit):
                work = functools.partial(self.take_header, name)
                self.assert_grows_evenly(work, repeated(unit, ""))

    def take_header(self, name, value):
        read_inbound(self.form(headers=[[name, value]], text="Hello"))

    def test_parsed_forms_of_many_pieces(self):
        files = [
            FilePart(f"attachment-{number}", "a.png", "image/png", b"x")
            for number in range(1500)
        ]
        ids = {f"<{number}@x>": f"attachment-{number}" for number in range(1500)}
        for made in (
            lambda length: self.form(headers=[["To", "é"]] * (length // 9)),
            lambda length: self.form(html="</html>" * (length // 7)),
            lambda length: self.form(
                html="cid:1" * (length // 5), files=files, **{"content-id-map": ids}
            ),
            lambda length: self.form(text="a\n" * (length // 2)),
        ):
            self.assert_grows_evenly(read_inbound, made)

    def form(self, headers=(), html="", text="", files=(), **fields):
        values = {
            "recipient": RECIPIENT,
            "message-headers": json.dumps(headers),
            "body-html": html,
            "body-plain": text,
            **{name: json.dumps(value) for name, value in fields.items()},
        }
        return Form([(name, text.encode()) for name, text in values.items()], files)

    def test_values_that_nest_without_end(self):
        for nested in ("[", '{"a":'):
            form = Form(
                [
                    (name, value.encode())
                    for name, value in {
                        "recipient": RECIPIENT,
                        "message-headers": nested * 100_000,
                        "content-id-map": nested * 100_000,
                        "body-plain": "Hello",
                    }.items()
                ]
            )
            self.assertIn(b"SGVsbG8", read_inbound(form).raw)

    def test_urlencoded_bodies(self):
        for unit in (b"&", b"a", b"=", b"%", b"%41", b"a=1&", b"&token=", b"+"):
            with self.subTest(unit=unit):
                self.assert_grows_evenly(self.split_urlencoded, repeated(unit))

    def split_urlencoded(self, body):
        self.split(body, "application/x-www-form-urlencoded")

    def test_multipart_bodies(self):
        head = b'Content-Disposition: form-data; name="%s"'
        part = b"--x\r\n" + head % b"token" + b"\r\n\r\n"
        for begin, unit in (
            (b"", b"-"),
            (b"", b"\r\n--x"),
            (b"", b"--x\r\n"),
            (b"", b"--x "),
            (b"--x", b" "),
            (part, b"\r\n--x"),
            (part, b"\r\n--x\t"),
            (part, b"\r\n"),
            (b"", part + b"1\r\n"),
            (b"", b"--x\r\n" + head % (b";a" * 3000) + b"\r\n\r\n1\r\n"),
            (b"", b"--x\r\n" + head % b"a" + b";a=b" * 1900 + b"\r\n\r\n1\r\n"),
            (b"", b"--x\r\n" + head % b"a" + b"\r\n " * 2500 + b"\r\n\r\n1\r\n"),
        ):
            with self.subTest(begin=begin, unit=unit[:50]):
                self.assert_grows_evenly(self.split_multipart, repeated(unit, begin))

    def split_multipart(self, body):
        self.split(body + b"\r\n--x--", "multipart/form-data; boundary=x")

    def split(self, body, content_type):
        try:
            form = parse_form(body, content_type)
        except MalformedPayload:
            return
        for name in ("timestamp", "token", "signature", "recipient"):
            form.text(name, 500)

    def test_a_mail_of_nothing_but_escapes(self):
        self.assert_grows_evenly(
            lambda body: parse_form(body, "application/x-www-form-urlencoded").text(
                "body-mime"
            ),
            lambda length: b"body-mime=" + quote(b"\xe9" * (length // 3)).encode(),
        )
