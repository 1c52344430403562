import hashlib
import json
import time
from urllib.parse import quote

from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import DOMAIN, SIGNING_KEY, MailgunHttpCase, signed

INBOUND = "odoo.addons.mail_mailgun.controllers.answers"
DAY = 24 * 3600
BIG = 30 * 1024 * 1024


@tagged("post_install", "-at_install")
class TestInboundEndpoint(MailgunHttpCase):
    """Every row of the answer table, over HTTP."""

    def rows(self):
        return self.journal.search([])

    def assert_refused(self, response, status, words=""):
        """Refused with one log line, nothing kept, and a sentence in plain text."""
        self.assertEqual(response.status_code, status)
        self.assertIn("text/plain", response.headers["Content-Type"])
        self.assertIn(words, response.text)
        self.assertFalse(self.rows())

    def post_refused(self, status, words="", **fields):
        with self.assertLogs(INBOUND, "WARNING") as logs:
            response = self.post(**fields)
        self.assertEqual(len(logs.output), 1)
        self.assertNotIn("How much", logs.output[0])
        self.assert_refused(response, status, words)

    # --- 200 -------------------------------------------------------------------------

    def test_a_raw_mail_becomes_a_record(self):
        self.assertEqual(self.post().status_code, 200)
        row = self.rows()
        self.assertEqual(row.state, "done")
        partner = self.env["res.partner"].browse(row.mail_message_id.res_id)
        self.assertEqual(partner.name, "A question")

    def test_both_addresses_take_both_shapes(self):
        for number, path in enumerate(["/mailgun/inbound", "/mailgun/inbound/mime"]):
            for shape in ("raw", "parsed"):
                with self.subTest(path=path, shape=shape):
                    message_id = f"<{number}-{shape}@example.org>"
                    response = self.post(path, **self.shape(shape, message_id))
                    self.assertEqual(response.status_code, 200)
                    row = self.rows()[0]
                    self.assertEqual((row.message_id, row.state), (message_id, "done"))

    def shape(self, shape, message_id):
        if shape == "raw":
            return {"body_mime": self.mail(message_id=message_id)}
        headers = [
            ["From", "customer@example.org"],
            ["To", "people@" + DOMAIN],
            ["Message-Id", message_id],
        ]
        return {
            "body_mime": None,
            "body_plain": "How much is it?",
            "message_headers": json.dumps(headers),
        }

    def test_mailgun_repeating_a_post_makes_one_row(self):
        triple = signed()
        for _time in range(3):
            self.assertEqual(self.post(**triple).status_code, 200)
        self.assertEqual(len(self.rows()), 1)

    def test_two_routes_that_post_the_same_mail_make_one_row(self):
        for _time in range(2):
            self.assertEqual(self.post().status_code, 200)
        self.assertEqual(len(self.rows()), 1)

    def test_another_mail_under_the_same_message_id_is_kept_for_a_person(self):
        self.post()
        other = self.mail() + b"Another text altogether.\r\n"
        for _time in range(2):
            self.assertEqual(self.post(body_mime=other).status_code, 200)
        held, done = self.rows()
        self.assertEqual((held.state, done.state), ("held", "done"))
        self.assertEqual(held._raw_bytes(), other)
        self.assertIn("same Message-Id", held.error)

    def test_the_same_mail_with_another_trace_is_known(self):
        self.post()
        self.post(body_mime=b"Received: by another way\r\n" + self.mail())
        self.assertEqual(len(self.rows()), 1)

    def test_a_mail_without_message_id_is_known_by_its_bytes(self):
        for _time in range(2):
            mail = self.mail(message_id=None)
            self.assertEqual(self.post(body_mime=mail).status_code, 200)
        row = self.rows()
        self.assertEqual(row.state, "done")
        self.assertEqual(row.mail_message_id.message_id, row.message_id)

    def test_the_previous_signing_key_is_good_during_an_exchange(self):
        self.domain.webhook_signing_key = "signing-key-2"
        self.assertEqual(self.post().status_code, 200)

    def test_mail_for_the_alias_domain_is_taken(self):
        self.alias_domain.name = "company.example.com"
        mail = self.mail(to="people@company.example.com")
        response = self.post(recipient="people@company.example.com", body_mime=mail)
        self.assertEqual(response.status_code, 200)
        self.assertEqual(self.rows().state, "done")

    def test_thirty_megabytes_survive_byte_for_byte_in_both_encodings(self):
        for encoding in ("urlencoded", "multipart"):
            with self.subTest(encoding=encoding):
                head = self.mail(message_id=f"<{encoding}@example.org>")
                mail = head + bytes(range(256)) * (BIG // 256)
                response = self.post_encoded(encoding, mail)
                self.assertEqual(response.status_code, 200)
                kept = self.rows()[0]._raw_bytes()
                self.assertEqual(
                    hashlib.sha256(kept).hexdigest(), hashlib.sha256(mail).hexdigest()
                )

    def post_encoded(self, encoding, mail):
        if encoding == "multipart":
            return self.post(body_mime=None, files={"body-mime": (None, mail)})
        fields = {"recipient": "people@" + DOMAIN, "sender": "", **signed()}
        body = "&".join(f"{name}={quote(value)}" for name, value in fields.items())
        return self.url_open(
            "/mailgun/inbound/mime",
            data=f"{body}&body-mime=".encode() + quote(mail).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            # A machine that is busy takes its time for a form of 90 MB.
            timeout=120,
        )

    def test_a_browser_is_told_what_the_address_is(self):
        response = self.url_open("/mailgun/inbound")
        self.assertEqual(response.status_code, 200)
        self.assertIn("takes mail from Mailgun", response.text)

    # --- 401 -------------------------------------------------------------------------

    def test_a_post_without_signature_is_refused(self):
        for name in ("timestamp", "token", "signature"):
            with self.subTest(name=name):
                self.post_refused(401, name, **{name: None})

    def test_a_wrong_signature_is_refused(self):
        self.post_refused(401, "no signing key", sign_with={"key": "stranger"})

    def test_a_stale_signature_is_refused(self):
        old = {"timestamp": int(time.time()) - DAY - 60}
        self.post_refused(401, "hours ago", sign_with=old)

    def test_a_signature_from_the_future_is_refused(self):
        early = {"timestamp": int(time.time()) + 600}
        self.post_refused(401, "future", sign_with=early)

    def test_an_array_where_a_string_belongs_is_refused(self):
        for name, value in signed().items():
            with self.subTest(name=name):
                self.post_refused(401, name, **{name: None, f"{name}[]": value})

    def test_a_file_where_a_string_belongs_is_refused(self):
        for name, value in signed().items():
            with self.subTest(name=name):
                files = {name: ("name.txt", value)}
                self.post_refused(401, name, files=files, **{name: None})

    def test_a_form_that_is_cut_off_is_refused(self):
        with mute_logger(INBOUND):
            response = self.url_open(
                "/mailgun/inbound",
                data=b'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\nab',
                headers={"Content-Type": "multipart/form-data; boundary=x"},
            )
        self.assert_refused(response, 401)

    def test_what_is_no_form_is_refused(self):
        for kind, body in [
            ("text/plain", b"hello"),
            ("application/json", b"{"),
            ("application/json", b"[1]"),
            ("multipart/form-data", b"x"),
            ("application/octet-stream", b"\0"),
        ]:
            with self.subTest(kind=kind, body=body), mute_logger(INBOUND):
                response = self.url_open(
                    "/mailgun/inbound", data=body, headers={"Content-Type": kind}
                )
                self.assert_refused(response, 401)

    def test_mail_for_a_domain_that_is_none_here_is_refused_by_name(self):
        self.post_refused(401, "addressed to", recipient="people@elsewhere.com")

    def test_the_key_of_one_domain_does_not_open_another(self):
        self.env["mailgun.domain"].create(
            {"name": "two.example.com", "webhook_signing_key": "signing-key-2"}
        )
        self.post_refused(401, "addressed to", recipient="people@two.example.com")

    # --- 406 -------------------------------------------------------------------------

    def test_an_event_posted_here_is_named(self):
        event = {"signature": signed(), "event-data": {"event": "delivered"}}
        with mute_logger(INBOUND):
            response = self.url_open("/mailgun/inbound", json=event)
        self.assert_refused(response, 406, "/mailgun/events")

    def test_a_missing_array_or_file_as_recipient_is_refused_for_good(self):
        recipient = "people@" + DOMAIN
        self.post_refused(406, "recipient", recipient=None)
        self.post_refused(
            406, "recipient", recipient=None, **{"recipient[]": recipient}
        )
        self.post_refused(
            406, "recipient", recipient=None, files={"recipient": ("a.txt", recipient)}
        )

    def test_an_empty_mail_is_refused_for_good(self):
        self.post_refused(406, "", body_mime=None)

    def test_a_header_injected_by_the_recipient_is_refused(self):
        for recipient in (
            f"people@{DOMAIN}\r\nBcc: all@example.org",
            f"people\n@{DOMAIN}",
            f"people\0@{DOMAIN}",
        ):
            with self.subTest(recipient=recipient), mute_logger(INBOUND):
                response = self.post(recipient=recipient)
                self.assertIn(response.status_code, (401, 406))
                self.assertFalse(self.rows())

    # --- 413, 503 --------------------------------------------------------------------

    def test_a_mail_over_the_limit_is_refused_with_413(self):
        self.env["ir.config_parameter"].set_param("mail_mailgun.max_message_mib", "1")
        response = self.post(body_mime=b"Subject: x\r\n\r\n" + b"x" * (5 * 1024 * 1024))
        self.assertEqual(response.status_code, 413)
        self.assertFalse(self.rows())

    def test_without_a_signing_key_mail_waits_at_mailgun(self):
        self.domain.action_forget_keys()
        self.post_refused(503, "signing key", sign_with={"key": SIGNING_KEY})
