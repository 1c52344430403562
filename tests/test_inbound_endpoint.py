import hashlib
import io
import json
import threading
import time
from unittest.mock import patch
from urllib.parse import quote

from odoo.sql_db import Cursor
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.mail_mailgun.controllers import dispatcher, inbound
from odoo.addons.mail_mailgun.models.domain import health
from odoo.addons.mail_mailgun.tools.bodies import Bodies

from .common import DOMAIN, SIGNING_KEY, MailgunHttpCase, refused_connection, signed
from .test_where_the_key_goes import ELSEWHERE

INBOUND = "odoo.addons.mail_mailgun.controllers.answers"
SIGNATURE = "odoo.addons.mail_mailgun.models.domain.signature"
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

    def test_a_recipient_in_letters_of_a_domain_is_known_by_its_name_in_dns(self):
        self.domain.name = "xn--bcher-kva.example"
        self.domain.alias_domain_id.name = "xn--bcher-kva.example"
        self.env.flush_all()
        for number, name in enumerate(("bücher.example", "BÜCHER.example")):
            mail = self.mail(message_id=f"<{number}@example.org>", to=f"people@{name}")
            response = self.post(recipient=f"people@{name}", body_mime=mail)
            self.assertEqual(response.status_code, 200, response.text)
            self.assertEqual(self.rows()[0].state, "done", self.rows()[0].error)

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

    def test_what_cannot_be_a_domain_is_asked_for_nowhere(self):
        names = (
            "\0",
            f"{DOMAIN}\0",
            "\ud800.example.com",
            "a" * 64 + ".com",
            "a." * 1000 + "com",
            "\u0130" * 250,
            "' OR 1=1 --",
        )
        for name in names:
            with self.subTest(name=name[:20]):
                recipient = f"people@{name}".encode("utf-8", "surrogatepass")
                self.post_refused(401, recipient=recipient)
                event = {
                    "signature": signed(),
                    "event-data": {"domain": {"name": name}},
                }
                with mute_logger(INBOUND):
                    response = self.url_open("/mailgun/inbound", json=event)
                self.assert_refused(response, 401)

    def test_who_names_no_domain_is_believed_by_no_other_key(self):
        self.post_refused(401, "no signing", recipient=None, sign_with={"key": "other"})

    def test_a_post_that_is_not_signed_asks_the_database_nothing(self):
        self.post()
        self.rows().unlink()
        queries, execute = [], Cursor.execute

        def record(cursor, query, params=None, *args, **kwargs):
            if threading.current_thread() is not threading.main_thread():
                queries.append(str(query))
            return execute(cursor, query, params, *args, **kwargs)

        with patch.object(Cursor, "execute", record):
            self.post_refused(401, "malformed", signature="x")
            self.post_refused(401, "domain", recipient="x@y")
            self.post_refused(
                401, "hours", sign_with={"timestamp": int(time.time()) - 2 * DAY}
            )
        # Odoo itself asks whether the registry is up to date.
        self.assertFalse([query for query in queries if "mailgun" in query])

    # --- 401: one signature, one post ------------------------------------------------

    def test_a_signature_that_comes_again_brings_no_other_mail(self):
        triple = signed()
        self.assertEqual(self.post(**triple).status_code, 200)
        others = [
            {"body_mime": self.mail(message_id="<2@example.org>")},
            {"recipient": f"others@{DOMAIN}"},
            {"recipient": f"people@{DOMAIN},others@{DOMAIN}"},
        ]
        for other in others:
            with self.subTest(other=list(other)), self.assertLogs(INBOUND, "WARNING"):
                response = self.post(**other, **triple)
                self.assertEqual(response.status_code, 401)
                self.assertIn("another post", response.text)
        self.assertEqual(len(self.rows()), 1)

    def test_a_signature_is_good_for_a_mail_or_for_an_event(self):
        for first, second in ((self.post, self.tell), (self.tell, self.post)):
            triple = signed()
            self.assertEqual(first(**triple).status_code, 200)
            with mute_logger(INBOUND):
                self.assertEqual(second(**triple).status_code, 401)
        self.assertEqual(len(self.rows()), 1)
        self.assertEqual(self.env["mailgun.event"].search_count([]), 1)

    def tell(self, **triple):
        event = {"id": "1", "event": "opened", "domain": {"name": DOMAIN}}
        return self.url_open(
            "/mailgun/events", json={"signature": triple, "event-data": event}
        )

    # --- several recipients in one post ----------------------------------------------

    def test_a_key_brings_mail_to_its_own_domain_only(self):
        self.env["mailgun.domain"].create(
            {"name": "two.example.com", "webhook_signing_key": "signing-key-2"}
        )
        recipients = f"a@two.example.com, people@{DOMAIN}, b@elsewhere.com"
        with self.assertLogs(SIGNATURE, "WARNING") as logs:
            self.assertEqual(self.post(recipient=recipients).status_code, 200)
        self.assertIn("elsewhere.com, two.example.com", logs.output[0])
        self.assertEqual(self.rows().recipient, f"people@{DOMAIN}")
        self.env.invalidate_all()
        refusals = self.env["mailgun.domain"].search([]).mapped("refusal")
        self.assertTrue([text for text in refusals if text and "two" in text])

    def test_mail_to_two_domains_of_one_account_is_of_both(self):
        other = self.env["mailgun.domain"].create(
            {"name": "two.example.com", "webhook_signing_key": SIGNING_KEY}
        )
        other.action_confirm()
        recipients = f"a@two.example.com,people@{DOMAIN},b@TWO.example.com"
        self.assertEqual(self.post(recipient=recipients).status_code, 200)
        rows = self.rows()
        self.assertEqual(len(rows), 3)
        for row in rows:
            mine = row.recipient.startswith("people")
            self.assertEqual(row.domain_id, self.domain if mine else other)

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

    def test_the_signature_of_a_refused_post_is_good_for_nothing_else(self):
        triple = signed()
        for _time in range(2):
            self.post_refused(406, "", body_mime=None, **triple)
        self.post_refused(401, "another post before", **triple)

    def test_mail_that_is_said_to_be_stored_elsewhere_is_refused_for_good(self):
        for url in filter(str.strip, ELSEWHERE):
            with self.subTest(url=url[:200]):
                text = url.encode("utf-8", "surrogatepass")
                fields = {"body_mime": None, "body_plain": "text", "message_url": text}
                self.post_refused(406, "no address of Mailgun", **fields)

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

    def test_without_a_database_connection_it_comes_again(self):
        with patch.object(inbound, "own_cursor", refused_connection):
            self.post_refused(503, "no database connection")

    def test_a_mail_over_the_limit_is_refused_with_413(self):
        self.env["ir.config_parameter"].set_param("mail_mailgun.max_message_mib", "1")
        response = self.post(body_mime=b"Subject: x\r\n\r\n" + b"x" * (5 * 1024 * 1024))
        self.assertEqual(response.status_code, 413)
        self.assertFalse(self.rows())

    def test_json_has_its_own_limit_where_mail_may_be_big(self):
        event = {"signature": signed(), "event-data": {"tags": ["x" * 1_100_000]}}
        response = self.url_open("/mailgun/inbound", json=event)
        self.assertEqual(response.status_code, 413)

    def test_a_post_that_finds_no_room_is_asked_to_come_again(self):
        small = Bodies(most=100_000, free=10_000, patience=0.1)
        with patch.object(dispatcher, "_bodies", small):
            with small.read(io.BytesIO(bytes(50_000))):
                big = self.mail() + bytes(100_000)
                with self.assertLogs(dispatcher.__name__, "WARNING") as logs:
                    response = self.post(body_mime=big)
                self.assertEqual(response.status_code, 503)
                self.assertTrue(response.headers["Retry-After"])
                self.assertEqual(len(logs.output), 1)
                self.assertFalse(self.rows())
                self.assertEqual(self.post().status_code, 200)
            self.assertEqual(self.post(body_mime=big).status_code, 200)

    @patch.object(health, "NOTE_SECONDS", 0)
    def test_what_is_out_of_use_takes_nothing_and_says_so(self):
        for name, values in {
            "disconnected": {"state": "draft"},
            "a copy": {"database_name": "the original"},
        }.items():
            with self.subTest(name):
                self.domain.write(values)
                self.post_refused(503, "press")
                self.env.invalidate_all()
                self.assertIn("still posts here", self.domain.health)
                self.domain.action_confirm()
                self.assertEqual(self.post().status_code, 200)
                self.rows().unlink()

    def test_without_a_signing_key_mail_waits_at_mailgun(self):
        self.domain.action_forget_keys()
        self.post_refused(503, "signing key", sign_with={"key": SIGNING_KEY})
