from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.mime.mail_text import text_of


@tagged("mailgun_tools")
class TestMailText(BaseCase):
    def test_the_text_is_read_in_its_charset(self):
        raw = b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\ncaf\xe9\r\n"
        self.assertEqual(text_of(raw), ("plain", "café\r\n"))

    def test_html_is_taken_when_there_is_no_plain_text(self):
        raw = b"Content-Type: text/html\r\n\r\n<p>Hello</p>\r\n"
        self.assertEqual(text_of(raw), ("html", "<p>Hello</p>\r\n"))

    def test_plain_text_is_preferred(self):
        raw = (
            b'Content-Type: multipart/alternative; boundary="x"\r\n\r\n'
            b"--x\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n"
            b"--x\r\nContent-Type: text/plain\r\n\r\nHello\r\n--x--\r\n"
        )
        self.assertEqual(text_of(raw), ("plain", "Hello"))

    def test_what_cannot_be_read_is_no_text(self):
        for raw in (
            b"Content-Type: application/pdf\r\n\r\n%PDF\r\n",
            b"Content-Type: text/plain; charset=no-such\r\n\r\ncaf\xe9\r\n",
        ):
            with self.subTest(raw=raw):
                self.assertEqual(text_of(raw), ("plain", ""))
