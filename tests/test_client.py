import os
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.mail_mailgun.const import API_URL_VARIABLE
from odoo.addons.mail_mailgun.tools.api.client import MailgunClient, MimeBody
from odoo.addons.mail_mailgun.tools.errors import (
    DomainBarred,
    DoubtfulError,
    LimitReached,
    NotUnderstood,
    RefusedMessage,
    RefusedRecipient,
    SettingError,
    TransientError,
)
from odoo.addons.mail_mailgun.tools.mailgun_url import api_url

from .test_management import DOMAIN, ManagementCase

MIME = b"Subject: caf\xe9\r\n\r\nbody\n"


@tagged("mailgun_tools")
class TestClient(ManagementCase):
    credentials = ("us", "key-secret")

    def send(self, *recipients, **options):
        body = MimeBody(MIME, recipients or ["customer@example.org"], options)
        return self.client.send_mime(DOMAIN, body)

    def assert_answer(self, kind, status, body, words, content_type="application/json"):
        """``kind`` is raised, and its sentence holds each of ``words``."""
        self.mailgun.answer(status, body, content_type)
        with self.assertRaises(kind) as caught:
            self.send()
        self.assertIs(type(caught.exception), kind)
        self.assertEqual(caught.exception.status, status)
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertNotIn("key-secret", str(caught.exception))

    def test_the_message_arrives_byte_for_byte_as_a_file(self):
        self.send()
        (seen,) = self.mailgun.seen
        self.assertEqual(seen.path, f"/v3/{DOMAIN}/messages.mime")
        (file,) = seen.form[1].getlist("message")
        self.assertEqual(file.read(), MIME)

    def test_each_envelope_recipient_is_a_field_of_its_own(self):
        self.send("a@example.org", "b@example.org")
        (seen,) = self.mailgun.seen
        self.assertEqual(seen.values("to"), ["a@example.org", "b@example.org"])

    def test_the_key_travels_as_basic_authentication(self):
        self.send()
        (seen,) = self.mailgun.seen
        self.assertEqual(seen.headers["Authorization"], "Basic YXBpOmtleS1zZWNyZXQ=")

    def test_options_go_along(self):
        self.send(**{"o:testmode": "yes"})
        (seen,) = self.mailgun.seen
        self.assertEqual(seen.values("o:testmode"), ["yes"])

    def test_the_id_that_mailgun_gave_is_returned(self):
        self.assertEqual(self.send(), "<1@mailgun.test>")

    def test_all_mails_share_one_connection(self):
        for _mail in range(5):
            self.send()
        self.assertEqual(len({seen.connection for seen in self.mailgun.seen}), 1)

    def test_a_domain_cannot_leave_its_place_in_the_url(self):
        self.mailgun.answer(404, {"message": "Domain not found"})
        with self.assertRaises(SettingError):
            self.client.send_mime("a/../b?c", MimeBody(MIME, ["customer@example.org"]))
        self.assertEqual(self.mailgun.seen[0].path, "/v3/a%2F..%2Fb%3Fc/messages.mime")

    def test_a_wrong_key_is_a_setting(self):
        self.assert_answer(
            SettingError,
            401,
            b"Forbidden",
            [DOMAIN, "US", "API key", "signing key", "other region"],
            "text/plain",
        )

    def test_an_unknown_domain_is_a_setting_and_names_the_region(self):
        self.assert_answer(
            SettingError,
            404,
            {"message": f"Domain not found: {DOMAIN}"},
            [DOMAIN, "US region", "other region"],
        )

    def test_a_key_without_the_right_is_a_setting(self):
        self.assert_answer(SettingError, 403, {"message": "Forbidden"}, ["role", "IP"])

    def test_an_unpaid_account_is_a_setting(self):
        self.assert_answer(SettingError, 402, {"message": "pay"}, ["account", "pay"])

    def test_an_unverified_domain_is_a_setting(self):
        text = f"Domain {DOMAIN} is not allowed to send: not verified."
        self.assert_answer(DomainBarred, 400, {"message": text}, ["DNS", "verified"])

    def limit(self, until):
        return (
            f"Domain {DOMAIN} is not allowed to send: recipient limit exceeded, try "
            f"again after {format_datetime(until)[:-5]}UTC"
        )

    def test_a_limit_only_has_to_wait_until_the_date_that_mailgun_gives(self):
        until = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(hours=3)
        for status in (400, 420, 429):
            self.mailgun.answer(status, {"message": self.limit(until)})
            with self.assertRaises(LimitReached) as caught:
                self.send()
            self.assertEqual(caught.exception.retry_at, until.timestamp())

    def test_a_quota_that_lasts_for_days_is_to_be_raised(self):
        until = datetime.now(timezone.utc) + timedelta(days=9)
        words = ["no more for now", "control panel"]
        self.assert_answer(DomainBarred, 429, {"message": self.limit(until)}, words)

    def test_after_mailguns_own_failure_nobody_knows_whether_it_took_the_mail(self):
        page = b"<html><body>502 Bad Gateway</body></html>"
        for status in (500, 502, 503, 504):
            self.assert_answer(DoubtfulError, status, page, ["later"], "text/html")

    def test_an_answer_that_never_comes_leaves_doubt(self):
        self.mailgun.hang_up(after_reading=True)
        with self.assertRaisesRegex(DoubtfulError, "before its answer came"):
            self.send()

    def test_a_request_that_was_not_written_in_full_leaves_none(self):
        self.mailgun.hang_up(after_reading=False)
        with self.assertRaises(TransientError) as caught:
            body = MimeBody(MIME * 2_000_000, ["customer@example.org"])
            self.client.send_mime(DOMAIN, body)
        self.assertNotIsInstance(caught.exception, DoubtfulError)

    def test_a_refused_message_says_why_in_mailguns_words(self):
        text = "Too many recipients, max is 1000"
        self.assert_answer(RefusedMessage, 400, {"message": text}, [text])

    def test_a_refused_address_is_told_from_a_refused_message(self):
        text = "to parameter is not a valid address. please check documentation"
        self.assert_answer(RefusedRecipient, 400, {"message": text}, [text])

    def test_a_message_that_a_proxy_finds_too_large_is_refused_with_its_size(self):
        page = b"<html>413 Request Entity Too Large</html>"
        self.assert_answer(RefusedMessage, 413, page, ["0.0 MB", "proxy"], "text/html")

    def test_a_page_that_is_not_the_api_is_no_success(self):
        self.assert_answer(
            SettingError, 200, b"Mailgun Magnificent API", ["name"], "text/html"
        )

    def test_a_redirect_is_not_followed_with_the_key(self):
        self.addCleanup(self.mailgun.headers.clear)
        for place in ("/elsewhere", "https://evil.example/", "https://[", "\\"):
            with self.subTest(place=place):
                self.mailgun.seen.clear()
                self.mailgun.headers["Location"] = place
                self.assert_answer(NotUnderstood, 302, b"", ["proxy"], "text/html")
                self.assertEqual(len(self.mailgun.seen), 1)

    def test_what_no_key_has_is_said_before_anybody_is_asked(self):
        for key, subaccount in (
            ("key\u2013secret", ""),
            ("key secret", ""),
            ("key\r\nX: y", ""),
            ("key-secret", "5f\u20134a"),
            ("key-secret", "x\r\nX: y"),
        ):
            with self.subTest(key=key, subaccount=subaccount):
                with self.assertRaisesRegex(SettingError, "Copy it anew"):
                    MailgunClient("us", key, subaccount)

    def test_a_refused_connection_only_has_to_wait(self):
        with patch.dict(os.environ, {API_URL_VARIABLE: "http://127.0.0.1:9"}):
            client = MailgunClient("us", "key-secret")
            with self.assertRaisesRegex(TransientError, "could not be reached"):
                client.send_mime(DOMAIN, MimeBody(MIME, ["customer@example.org"]))

    def test_a_sending_key_is_proved_without_sending(self):
        self.mailgun.answer(400, {"message": "from parameter is missing"})
        self.client.check_sending(DOMAIN)
        self.assertEqual(self.mailgun.seen[0].path, f"/v3/{DOMAIN}/messages")

    def test_the_region_decides_the_host(self):
        with patch.dict(os.environ):
            os.environ.pop(API_URL_VARIABLE, None)
            self.assertEqual(api_url("us"), "https://api.mailgun.net")
            self.assertEqual(api_url("eu"), "https://api.eu.mailgun.net")

    def test_another_host_is_taken_from_the_environment_only(self):
        with patch.dict(os.environ, {API_URL_VARIABLE: "http://127.0.0.1:1/"}):
            self.assertEqual(api_url("us"), "http://127.0.0.1:1")
            self.assertEqual(api_url("eu"), "http://127.0.0.1:1/eu")
