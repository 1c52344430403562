import time

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.mime.verdicts import Verdicts, read_verdicts

AUTHOR = "anna@example.com"
RELAY = "from a.example.net (mx.example.net [192.0.2.7]) by mxa.mailgun.org with ESMTP"


def read(*headers):
    """Read the verdicts of a mail with these headers, given as (name, value)."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return read_verdicts((head + "\r\nHello\r\n").encode())


def verdict(name, value):
    return (f"X-Mailgun-{name}", value)


@tagged("mailgun_tools")
class TestReadVerdicts(BaseCase):
    def test_what_mailgun_writes_is_read(self):
        found = read(
            verdict("Dkim-Check-Result", "Pass"),
            verdict("Spf", "SoftFail"),
            verdict("Sscore", "-0.7"),
            verdict("Sflag", "No"),
            ("Received", RELAY),
            ("DKIM-Signature", "v=1; a=rsa-sha256;\r\n d=Example.com; s=one; h=from"),
        )
        self.assertEqual(
            found,
            Verdicts(False, -0.7, "SoftFail", "Pass", ("example.com",), "192.0.2.7"),
        )

    def test_a_mail_without_verdicts_has_none(self):
        self.assertEqual(read(("Subject", "Hello")), Verdicts())

    def test_spam_is_said_by_the_flag(self):
        found = read(verdict("Sflag", "YES"), verdict("Sscore", "997.4"))
        self.assertEqual((found.is_spam, found.score), (True, 997.4))

    def test_what_the_sender_wrote_below_received_does_not_count(self):
        found = read(
            verdict("Sflag", "Yes"),
            verdict("Spf", "Fail"),
            ("Received", RELAY),
            verdict("Sflag", "No"),
            verdict("Spf", "Pass"),
            verdict("Dkim-Check-Result", "Pass"),
        )
        self.assertEqual((found.is_spam, found.spf, found.dkim), (True, "Fail", ""))

    def test_the_worse_of_contradictory_verdicts_is_believed(self):
        forged = [("Sflag", "No"), ("Sscore", "0"), ("Spf", "Pass")]
        genuine = [("Sflag", "Yes"), ("Sscore", "9"), ("Spf", "Neutral")]
        for order in (forged + genuine, genuine + forged):
            with self.subTest(first=order[0]):
                found = read(
                    ("Received", RELAY), *(verdict(*header) for header in order)
                )
                self.assertEqual(
                    (found.is_spam, found.score, found.spf), (True, 9, "Neutral")
                )

    def test_nonsense_is_no_score(self):
        for value in ("nan", "inf", "9" * 400, "", "5 points"):
            with self.subTest(value=value):
                self.assertIsNone(read(verdict("Sscore", value)).score)

    def test_odd_bytes_do_no_harm(self):
        raw = b"X-Mailgun-Spf: \0P\xff" + b"a" * 100 + b"\r\n\r\n"
        self.assertLessEqual(len(read_verdicts(raw).spf), 20)
        self.assertNotIn("\0", read_verdicts(raw).spf)
        self.assertEqual(read_verdicts(b""), Verdicts())

    def test_a_server_cannot_call_itself_another(self):
        for received in (
            "from x (y [192.0.2.1]) by z (mx.example.net [192.0.2.7]) by mxa",
            "from [192.0.2.1] ([192.0.2.7]) by 634f26f73cf3 with SMTP id <undefined>",
        ):
            with self.subTest(received=received):
                self.assertEqual(read(("Received", received)).relay, "192.0.2.7")
        self.assertEqual(read(("Received", "by mail.example.net")).relay, "")


@tagged("mailgun_tools")
class TestHiddenSignatures(BaseCase):
    """A foreign signature is seen, however it is written, since Mailgun may see it.

    Whoever hides the one that passes, and shows one that has failed, is anybody.
    """

    FOREIGN = b"v=1; a=rsa-sha256; d=evil.example; s=one"
    SHOWN = b"DKIM-Signature: v=1; d=example.com; s=one\r\n"

    def assert_unproven(self, head):
        verdict = b"X-Mailgun-Dkim-Check-Result: Pass\r\nReceived: from x by y\r\n"
        for shown in (b"", self.SHOWN):
            verdicts = read_verdicts(verdict + shown + head + b"\r\n\r\nHello\r\n")
            self.assertEqual(verdicts.dkim, "Pass")
            self.assertFalse(verdicts.prove(AUTHOR, "x@example.org"), head)

    def test_behind_an_odd_name(self):
        for name in (
            b"DKIM-Signature : ",
            b"DKIM-Signature\t:",
            b"DKIM-Signature \r\n : ",
            b"dkim-signature:",
            b"\x00DKIM-Signature:",
        ):
            with self.subTest(name=name):
                self.assert_unproven(name + self.FOREIGN)

    def test_behind_a_line_that_is_no_header(self):
        for line in (
            b"no header\r\n",
            b"no header : x\r\n",
            b"From somebody\r\n",
            b": x\r\n",
            b"\xff: x\r\n",
            b" \r\n",
            b"\x00\r\n",
            b"X: a\r\r\n",
            b"X: a\r",
            b"X: a\n",
            b"\r\r",
        ):
            with self.subTest(line=line):
                self.assert_unproven(line + b"DKIM-Signature: " + self.FOREIGN)

    def test_within_its_value(self):
        for value in (
            b"v=1; d=example.com\r\n .evil.example; s=one",
            b"v=1; d=example.com; d=evil.example; s=one",
            b"v=1; d=evil.example; d=example.com; s=one",
            b"v=1; D=evil.example; d=example.com; s=one",
            b"v=1;\r\n\td\r\n =\r\n evil.example",
            b"v=1; d=example.com\xe9; s=one",
            b"v=1; d=; s=one",
            b"",
        ):
            with self.subTest(value=value):
                self.assert_unproven(b"DKIM-Signature: " + value)

    def test_a_line_below_the_headers_is_no_signature(self):
        for newline in (b"\r\n", b"\n"):
            head = b"X-Mailgun-Dkim-Check-Result: Pass\r\n" + self.SHOWN
            forwarded = b"DKIM-Signature: " + self.FOREIGN + b"\r\n"
            raw = (head + b"\r\n" + forwarded).replace(b"\r\n", newline)
            self.assertTrue(read_verdicts(raw).prove(AUTHOR, ""), newline)

    def test_a_verdict_behind_an_odd_line_counts_too(self):
        raw = (
            b"Received: from x by y\r\nX-Mailgun-Spf: Pass\r\nno header\r\n"
            b"X-Mailgun-Spf : Fail\r\nX-Mailgun-Sflag: Yes\r\n\r\nHello\r\n"
        )
        found = read_verdicts(raw)
        self.assertEqual((found.spf, found.is_spam), ("Fail", True))

    def test_a_long_head_is_read_in_a_moment(self):
        lines = (b"a\r\n", b" a\r\n", b"\r", b"X: a\r\n b\r\n", b"d=", b": ;d=")
        start = time.monotonic()
        for line in lines:
            read_verdicts(b"DKIM-Signature: " + line * (2_000_000 // len(line)))
        self.assertLess(time.monotonic() - start, 10)


@tagged("mailgun_tools")
class TestProof(BaseCase):
    def test_spf_proves_the_author_of_its_own_domain_only(self):
        passed = Verdicts(spf="Pass")
        for sender, proven in (
            ("anna@example.com", True),
            ("bounce+1@bounces.EXAMPLE.com", True),
            ("mallory@example.org", False),
            ("mallory@badexample.com", False),
            ("", False),
        ):
            with self.subTest(sender=sender):
                self.assertIs(passed.prove(AUTHOR, sender), proven)

    def test_no_other_verdict_of_spf_proves_anything(self):
        for spf in ("", "Neutral", "SoftFail", "Fail", "Passed"):
            with self.subTest(spf=spf):
                self.assertFalse(Verdicts(spf=spf).prove(AUTHOR, AUTHOR))

    def test_dkim_proves_when_nobody_else_has_signed(self):
        for signers, proven in (
            (("example.com",), True),
            (("mail.example.com", "example.com"), True),
            (("example.org",), False),
            (("example.com", "example.org"), False),
            (("",), False),
        ):
            with self.subTest(signers=signers):
                verdicts = Verdicts(dkim="Pass", signers=signers)
                self.assertIs(verdicts.prove(AUTHOR, "x@example.org"), proven)

    def test_dkim_proves_nothing_when_nobody_has_signed(self):
        self.assertFalse(Verdicts(dkim="Pass").prove(AUTHOR, AUTHOR))

    def test_a_signature_that_failed_proves_nothing(self):
        verdicts = Verdicts(dkim="Fail", signers=("example.com",))
        self.assertFalse(verdicts.prove(AUTHOR, AUTHOR))

    def test_a_forwarder_is_known_by_address_domain_or_server(self):
        verdicts = Verdicts(spf="Pass", relay="192.0.2.7")
        sender = "Info+caf_=people=mail.example.com@old.example.net"
        for forwarder in (
            "info@old.example.net",
            "old.example.net",
            "example.net",
            "192.0.2.7",
        ):
            with self.subTest(forwarder=forwarder):
                self.assertTrue(verdicts.came_through([forwarder], sender))
        others = ["other@old.example.net", "example.org", "192.0.2.8", "net.example"]
        self.assertFalse(verdicts.came_through(others, sender))
        self.assertFalse(verdicts.came_through([], ""))

    def test_the_name_of_a_forwarder_counts_with_spf_only(self):
        sender = "info@example.net"
        self.assertFalse(Verdicts(spf="Fail").came_through(["example.net"], sender))
        verdicts = Verdicts(spf="Fail", relay="192.0.2.7")
        self.assertTrue(verdicts.came_through(["192.0.2.7"], sender))
