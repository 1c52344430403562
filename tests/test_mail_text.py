import time

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.mime.mail_text import text_of

HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n"
LONG = 300_000


def shown(html):
    """Return the text of a mail that is nothing but HTML."""
    return text_of(HTML + html.encode())


@tagged("mailgun_tools")
class TestMailText(BaseCase):
    def test_the_text_is_read_in_its_charset(self):
        raw = b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\ncaf\xe9\r\n"
        self.assertEqual(text_of(raw), "café")

    def test_plain_text_is_preferred(self):
        for first, second in (("html", "plain"), ("plain", "html")):
            texts = {"html": "<p>Hello</p>", "plain": "Hello\n\n  you"}
            parts = "".join(
                f"--x\r\nContent-Type: text/{kind}\r\n\r\n{texts[kind]}\r\n"
                for kind in (first, second)
            )
            head = 'Content-Type: multipart/alternative; boundary="x"\r\n\r\n'
            with self.subTest(first=first):
                raw = f"{head}{parts}--x--\r\n".encode()
                self.assertEqual(text_of(raw), "Hello\n\n  you")

    def test_the_first_text_is_shown_and_no_attachment(self):
        raw = (
            b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n'
            b"--x\r\nContent-Disposition: attachment\r\n\r\nA file\r\n"
            b"--x\r\n\r\nHello\r\n--x\r\n\r\nA footer\r\n--x--\r\n"
        )
        self.assertEqual(text_of(raw), "Hello")

    def test_html_is_shown_as_text_with_its_links(self):
        text = shown(
            "<html><head><title>x</title><style>a{}</style></head><body>"
            '<p>Hello <b>you</b>,</p><p>click <a href="https://x.example/?a=1&amp;b=2">'
            "here</a><br/>Bye</p><script>x()</script></body></html>"
        )
        self.assertEqual(
            text, "Hello you,\n\nclick here [https://x.example/?a=1&b=2]\n\nBye"
        )

    def test_html_with_a_declaration_is_shown(self):
        for before in ("", "\ufeff", " \n"):
            with self.subTest(before=before):
                html = '<?xml version="1.0" encoding="iso-8859-1"?><p>café</p>'
                self.assertEqual(shown(before + html), "café")

    def test_html_without_text_shows_its_source(self):
        for html in ("<!-- only -->", "<?php x ?>", "<!DOCTYPE html>", "<", "<img>"):
            with self.subTest(html=html):
                self.assertEqual(shown(html), html)
        self.assertEqual(shown(" \n"), "")

    def test_an_unknown_charset_hides_nothing(self):
        for charset in (b"no-such", b"hex", b"undefined", b'""', b"a b"):
            with self.subTest(charset=charset):
                raw = b"Content-Type: text/plain; charset=%b\r\n\r\ncaf\xe9 1" % charset
                self.assertEqual(text_of(raw), "café 1")

    def test_what_is_no_text_is_not_shown(self):
        for raw in (b"", b"\0", b"Content-Type: application/pdf\r\n\r\n%PDF\r\n"):
            with self.subTest(raw=raw):
                self.assertEqual(text_of(raw), "")

    def test_only_what_a_browser_takes_is_shown(self):
        self.assertEqual(shown("a\0b\x0bc"), "a b c")
        raw = b"Content-Type: text/plain; charset=utf-7\r\n\r\n+2AA-x"
        self.assertEqual(text_of(raw), "?x")

    def test_nothing_takes_long(self):
        start = time.monotonic()
        for html in ('<img src="%s">', "<!--%s", '<a href="%s', "<a %s>", "&%s", "x%s"):
            for filling in ("a", "<!--", "<p>", " ", "&", "b=c "):
                shown(html % (filling * (LONG // len(filling))))
        for head in (b'text/plain; a="%b"', b"text/plain; a=b%b", b"text/plain %b"):
            for filling in (b";", b"; a=b", b"("):
                head_long = head % (filling * (LONG // len(filling)))
                text_of(b"Content-Type: " + head_long + b"\r\n\r\nx")
        self.assertLess(time.monotonic() - start, 10)
