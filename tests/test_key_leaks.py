import base64
import json
import logging
from unittest.mock import patch

from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .common import DOMAIN, signed
from .test_connect import ConnectCase
from .test_sending import MAIL

API_KEY = "0a1b2c3d4e5f60718293a4b5c6d7e8f9-13572468-97531864"
NEW_KEY = "key-9f8e7d6c5b4a39281706f5e4d3c2b1a0"
# What ``ConnectedMailgun`` gives, and what somebody enters instead of it.
SIGNING_KEY = "signing-key-of-the-account"
NEW_SIGNING_KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
SECRETS = (API_KEY, NEW_KEY, SIGNING_KEY, NEW_SIGNING_KEY)

KEY_FIELDS = ("api_key", "webhook_signing_key", "webhook_signing_key_previous")
OURS = "odoo.addons.mail_mailgun"
# They warn of what goes wrong here on purpose.
NOISY = ("odoo.http", MAIL, f"{OURS}.controllers.answers")


def forms_of(secret):
    """Return how a key looks in clear, in a header, and in PostgreSQL's bytea."""
    basic = base64.b64encode(f"api:{secret}".encode()).decode()
    return secret, basic, secret.encode().hex()


class Log(mute_logger):
    """Collects what is logged, ours from DEBUG on."""

    def __enter__(self):
        super().__enter__()
        self.lines = []
        self.level_before = logging.getLogger(OURS).level
        logging.getLogger(OURS).setLevel(logging.DEBUG)
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *error):
        logging.getLogger().removeHandler(self)
        logging.getLogger(OURS).setLevel(self.level_before)
        return super().__exit__(*error)

    def emit(self, record):
        self.lines.append(f"{record.name} {self.format(record)}")


@tagged("post_install", "-at_install")
class TestKeyLeaks(ConnectCase, HttpCase):
    """Keys in clear are looked for wherever somebody might come across them."""

    def setUp(self):
        super().setUp()
        servers = self.registry["ir.mail_server"]
        self.startPatcher(patch.object(servers, "_disable_send", lambda *_self: False))
        self.authenticate("admin", "admin")
        self.log = self.enterContext(Log(*NOISY))

    def assert_clean(self, text, where):
        for secret in SECRETS:
            for form in forms_of(secret):
                self.assertNotIn(form, text, where)

    def call(self, model, method, *args, **kwargs):
        """Call by RPC as the administrator's browser does; return the whole answer."""
        params = {"model": model, "method": method, "args": args, "kwargs": kwargs}
        url = f"/web/dataset/call_kw/{model}/{method}"
        response = self.url_open(url, json={"params": params})
        self.assert_clean(response.text, f"{model}.{method}")
        return response.json()

    def result(self, model, method, *args, **kwargs):
        answer = self.call(model, method, *args, **kwargs)
        self.assertIn("result", answer, f"{model}.{method}")
        return answer["result"]

    # --- what is done with keys ------------------------------------------------------

    def begin(self):
        """Paste a key into the wizard, with all fields shown; return its id."""
        specification = self.everything("mailgun.connect")
        values = {"api_key": API_KEY, "webhook_signing_key": SIGNING_KEY}
        self.result(
            "mailgun.connect", "onchange", [], values, list(values), specification
        )
        (saved,) = self.result("mailgun.connect", "web_save", [], values, specification)
        return saved["id"]

    def everything(self, model):
        return {name: {} for name in self.result(model, "fields_get")}

    def use(self):
        """Connect, exchange the keys, send and receive, with success and without."""
        wizard = self.begin()
        self.result("mailgun.connect", "action_find_domains", [wizard])
        action = self.result("mailgun.connect", "action_connect", [wizard])
        domain = self.env["mailgun.domain"].browse(action["res_id"])
        self.exchange(domain)
        self.states = []
        for status in (200, 401, 400, 500):
            if status != 200:
                self.mailgun.answer(status, {"message": "Forbidden"})
            self.send()
        self.assertEqual(self.states[0], "sent")
        self.call("mailgun.domain", "action_test_connection", domain.ids)
        self.mailgun.answer(401, b"Forbidden", "text/plain")
        self.mailgun.answer(401, b"Forbidden", "text/plain")
        self.call("mailgun.domain", "action_test_connection", domain.ids)
        self.call("mailgun.domain", "action_round_trip", domain.ids)
        self.receive(NEW_SIGNING_KEY)
        self.receive("another-key")
        return domain

    def exchange(self, domain):
        """Enter new keys in the form, and one where another belongs."""
        specification = self.everything("mailgun.domain")
        values = {"api_key": NEW_KEY, "webhook_signing_key": NEW_SIGNING_KEY}
        wrong = {"api_key": NEW_SIGNING_KEY}
        for typed in (values, wrong):
            arguments = domain.ids, typed, list(typed), specification
            self.result("mailgun.domain", "onchange", *arguments)
        (saved,) = self.result(
            "mailgun.domain", "web_save", domain.ids, values, specification
        )
        self.assertIn(NEW_KEY[-4:], saved["api_key_info"])

    def send(self):
        mail = self.env["mail.mail"].create(
            {
                "email_from": f"sales@{DOMAIN}",
                "email_to": "customer@example.org",
                "subject": "Our offer",
                "body_html": "<p>text</p>",
            }
        )
        mail.send()
        self.states.append(mail.state)

    def receive(self, key):
        fields = {
            "recipient": f"people@{DOMAIN}",
            "sender": "customer@example.org",
            "body-mime": b"From: customer@example.org\r\nSubject: x\r\n\r\nHello\r\n",
            **signed(key),
        }
        event = {
            "signature": signed(key),
            "event-data": {"event": "delivered", "domain": {"name": DOMAIN}},
        }
        for answer in (
            self.url_open("/mailgun/inbound", fields),
            self.url_open("/mailgun/events", json=event),
        ):
            wanted = 200 if key == NEW_SIGNING_KEY else 401
            self.assertEqual(answer.status_code, wanted)
            self.assert_clean(answer.text, "answer")

    # --- where they are looked for ---------------------------------------------------

    def test_no_answer_to_rpc_holds_a_key(self):
        wizard = self.begin()
        for record_id in (wizard, None):
            model = "mailgun.connect" if record_id else "mailgun.domain"
            ids = [record_id] if record_id else self.use().ids
            fields = self.everything(model)
            names = [name for name in fields if name in KEY_FIELDS]
            for method, *args in (
                ("read", ids),
                ("read", ids, names),
                ("web_read", ids, fields),
                ("web_search_read", [], fields),
                ("search_read", [["id", "in", ids]], list(fields)),
                ("export_data", ids, list(fields)),
                ("default_get", list(fields)),
                ("name_search", ""),
                ("get_views", [[False, "form"], [False, "list"]]),
                ("copy_data", ids),
            ):
                with self.subTest(model=model, method=method):
                    answer = json.dumps(self.result(model, method, *args))
                    self.assertGreater(len(answer), 3)

    def test_what_rpc_may_not_call_says_nothing_either(self):
        domain = self.use()
        for method in ("_get_secret", "_key", "_open_client"):
            answer = self.call("mailgun.domain", method, domain.ids, "api_key")
            self.assertIn("error", answer)

    def test_no_table_holds_a_key(self):
        domain = self.use()
        self.begin()
        self.env.flush_all()
        self.assertEqual(domain._get_secret("api_key"), NEW_KEY)
        self.env.cr.execute(
            """SELECT table_name FROM information_schema.tables
                WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"""
        )
        tables = [name for (name,) in self.env.cr.fetchall()]
        self.assertIn("mailgun_connect", tables)
        patterns = [f"%{form}%" for secret in SECRETS for form in forms_of(secret)]
        for table in tables:
            # Names from PostgreSQL's own catalogue.
            query = (
                f'SELECT count(*) FROM "{table}" AS one WHERE one::text LIKE ANY(%s)'
            )
            self.env.cr.execute(query, [patterns])
            self.assertEqual(self.env.cr.fetchone(), (0,), table)

    def test_no_line_of_the_log_holds_a_key(self):
        self.use()
        log = "\n".join(self.log.lines)
        for words in (OURS, "Refused a post", "failed sending mail", "Traceback"):
            self.assertIn(words, log)
        self.assert_clean(log, "the log")

    def test_they_are_looked_for_in_the_form_they_travel_in(self):
        self.use()
        told = {seen.headers["Authorization"] for seen in self.mailgun.seen}
        for key in (API_KEY, NEW_KEY):
            self.assertIn(f"Basic {forms_of(key)[1]}", told)
