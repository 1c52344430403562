"""What ``dev/live`` checks, checked at the local Mailgun."""

import contextlib
import dataclasses
import io
import tempfile
import unittest
from pathlib import Path

import requests
from workbench.conformance import command, litter, local, routes, sending
from workbench.conformance.findings import Findings
from workbench.conformance.lab import Lab
from workbench.conformance.report import Redacted
from workbench.conformance.run import run
from workbench.servers.sentences import Subject

ENVIRONMENT = {"MAILGUN_LIVE_API_KEY": "secret", "MAILGUN_LIVE_DOMAIN": "example.com"}


def printed(work, *arguments):
    """Return what a function prints, and what it returns."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        result = work(*arguments)
    return out.getvalue(), result


class TestCommand(unittest.TestCase):
    def test_the_local_mailgun_is_as_we_assume(self):
        text, status = printed(command.main, ["--sandbox"], {})
        self.assertEqual(status, 0, text)
        # The Bcc header, of which nothing is documented, and verdicts about spam.
        self.assertRegex(text, r"\n\d\d hold, 0 do not hold, 2 not checked\n$", text)

    def test_without_a_key_it_is_skipped(self):
        text, status = printed(command.main, [], {"MAILGUN_LIVE_DOMAIN": "x.org"})
        self.assertEqual((status, text.count("\n")), (0, 1))
        self.assertIn("MAILGUN_LIVE_API_KEY", text)

    def test_half_an_environment_is_named(self):
        for name, value in [
            ("MAILGUN_LIVE_DOMAIN", ""),
            ("MAILGUN_LIVE_REGION", "asia"),
            ("MAILGUN_LIVE_CATCHER", "http://catcher.example.com"),
        ]:
            error = io.StringIO()
            with (
                self.subTest(name),
                contextlib.redirect_stderr(error),
                self.assertRaises(SystemExit),
            ):
                command.main([], {**ENVIRONMENT, name: value})
            self.assertIn(name, error.getvalue())
            self.assertNotIn("secret", error.getvalue())


class TestRun(unittest.TestCase):
    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.target = stack.enter_context(local.account())
        self.api = stack.enter_context(requests.Session())
        self.api.trust_env = False
        self.api.auth = ("api", self.target.key)

    def call(self, method, path, **options):
        answer = self.api.request(method, self.target.url + path, **options)
        answer.raise_for_status()
        return answer.json() if answer.content else {}

    def impatient(self, **changes):
        return dataclasses.replace(self.target, patience=0.1, **changes)

    def test_nothing_is_left_and_nothing_else_is_touched(self):
        expression = f'match_recipient("sales@{self.target.domain}")'
        form = {"expression": expression, "action": "stop()"}
        route = self.call("POST", "/v3/routes", data=form)["route"]["id"]
        form = {"url": "https://example.com/hook", "event_types": "complained"}
        path = f"/v4/domains/{self.target.domain}/webhooks"
        self.call("POST", path, data=form)
        printed(run, self.target)
        state = self.call("GET", "/sandbox/state")
        self.assertEqual([one["id"] for one in state["routes"]], [route])
        (domain,) = state["domains"]
        self.assertEqual(domain["webhooks"], {"complained": [form["url"]]})
        self.assertFalse(any(domain["suppressed"].values()))
        self.assertFalse(state["webhooks"])

    def test_what_a_broken_run_made_is_removed(self):
        subject = Subject("broken")

        @subject.says
        def breaks(lab):
            """A check that is interrupted."""
            form = routes.make_form(lab, "left", ["stop()"])
            lab.api.json("POST", "/v3/routes", files=form)
            form = {"url": lab.catch_url("left"), "event_types": "opened"}
            path = lab.path("v4", "domains", lab.domain, "webhooks")
            lab.api.json("POST", path, data=form)
            raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            printed(run, self.target, [subject])
        state = self.call("GET", "/sandbox/state")
        self.assertEqual(state["routes"], [])
        self.assertEqual(state["domains"][0]["webhooks"], {})

    def test_what_an_earlier_run_left_is_removed_when_it_is_old(self):
        lab = Lab(self.target, Findings())
        self.addCleanup(lab.close)
        for began, left in [("1000000000", 0), ("9999999999", 1)]:
            lab.run = f"conformance-{began}-abcdef"
            lab.api.json("POST", "/v3/routes", files=routes.make_form(lab, "x", []))
            lab.run = "conformance-1000000001-abcdef"
            self.assertEqual(litter.remove(lab), [])
            self.assertEqual(self.call("GET", "/v3/routes")["total_count"], left)

    def test_what_does_not_hold_is_said(self):
        self.call("PUT", "/sandbox/faults", json={"rewrite_ids": True})
        text, found = printed(run, self.impatient(), [sending.SUBJECT])
        self.assertIn("does not hold The Message-Id of a MIME is kept", text)
        self.assertIn("not checked   Events carry", text)
        self.assertEqual(printed(found.close)[1], 1)

    def test_without_a_catcher_it_says_what_is_missing(self):
        text, found = printed(run, self.impatient(catcher=""))
        self.assertEqual(found.counts["does not hold"], 0, text)
        self.assertIn("MAILGUN_LIVE_CATCHER is not set", text)
        self.assertGreater(found.counts["holds"], 20)

    def test_a_key_is_never_printed(self):
        findings = Findings("secret")
        findings.hide("signing")
        work = findings.contradicted
        text, _result = printed(work, "A sentence", "secret signing")
        self.assertIn("*** ***", text)

    def test_a_report_tells_what_was_met_and_of_nobody(self):
        found = printed(run, self.impatient(catcher=""))[1]
        found.lines.append("signed by anna@customer.org with secret at 198.51.100.7")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        file = Path(folder.name) / "report"
        printed(command._write, file, self.target, found)
        text = file.read_text("utf-8")
        self.assertIn("holds         A wrong key is answered 401", text)
        self.assertIn("POST /v3/{}/messages.mime 401", text)
        self.assertIn("to parameter is not a valid address", text)
        hidden = ("anna", "198.51", self.target.key, self.target.sending_key)
        for secret in (*hidden, "sandbox-signing-key", self.target.url):
            self.assertNotIn(secret, text)


class TestRedacted(unittest.TestCase):
    def test_names_go_and_words_stay(self):
        redacted = Redacted({"mine.org": "mail.example.com", "key-1": "***"})
        for text, shown in (
            (
                "Domain mine.org is not allowed",
                "Domain mail.example.com is not allowed",
            ),
            ("<Anna.B@other.org>", "<somebody@example.org>"),
            ("from 203.0.113.9, 2001:db8:1:2::5", "from 192.0.2.1, 192.0.2.1"),
            ("AwABB0123456789abcdefghijkl", "…"),
            ("use_automatic_sender_security", "use_automatic_sender_security"),
            ("https://hook.other.org/x", "https://host.example/x"),
            (
                "https://storage.api.mailgun.net/v3",
                "https://storage.api.mailgun.net/v3",
            ),
            ("the key-1", "the ***"),
        ):
            self.assertEqual(redacted.text(text), shown)
