"""The small servers that dev/bench and dev/chaos send mail to."""

import contextlib
import smtplib
import time
import unittest

import requests
from workbench.sinks.http import HttpSink
from workbench.sinks.listening import listening
from workbench.sinks.smtp import SmtpSink

MESSAGE = "Message-Id: <1@x>\r\nSubject: Hi\r\n\r\n..\r\nHello\r\n"
SENDER, RECIPIENTS = "a@x.test", ["b@x.test", "c@x.test"]


class TestSmtp(unittest.TestCase):
    def open(self, **options):
        sink = SmtpSink(**options)
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        (port,) = stack.enter_context(listening(sink.talk))
        client = smtplib.SMTP("127.0.0.1", port)
        stack.callback(client.close)
        return sink, client

    def test_it_keeps_who_got_which_message(self):
        sink, client = self.open()
        for _time in range(2):
            client.sendmail(SENDER, RECIPIENTS, MESSAGE)
        client.quit()
        self.assertEqual(sink.taken, [("<1@x>", RECIPIENTS)] * 2)

    def test_a_message_may_be_large(self):
        sink, client = self.open()
        client.sendmail(SENDER, RECIPIENTS, MESSAGE + "x" * 70 * 1024)
        self.assertEqual(len(sink.taken), 1)

    def test_each_of_four_replies_waits(self):
        _sink, client = self.open(delay=0.2)
        start = time.monotonic()
        client.sendmail(SENDER, RECIPIENTS[:1], MESSAGE)
        seconds = time.monotonic() - start
        self.assertTrue(0.8 <= seconds < 1.0, seconds)

    def test_a_recipient_is_refused_for_now(self):
        sink, client = self.open(refusing=1.0)
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as caught:
            client.sendmail(SENDER, RECIPIENTS, MESSAGE)
        status, _words = caught.exception.recipients["b@x.test"]
        self.assertEqual((status, sink.refused, sink.taken), (451, 2, []))
        sink.misbehave(refusing=0, losing=0)
        client.sendmail(SENDER, RECIPIENTS, MESSAGE)
        self.assertEqual(len(sink.taken), 1)

    def test_a_connection_is_lost_after_the_message_was_taken(self):
        sink, client = self.open(losing=1.0)
        with self.assertRaises(smtplib.SMTPServerDisconnected):
            client.sendmail(SENDER, RECIPIENTS, MESSAGE)
        self.assertEqual((sink.lost, len(sink.taken)), (1, 1))


class TestHttp(unittest.TestCase):
    def test_it_answers_as_mailgun_does_but_later(self):
        sink = HttpSink(delay=0.2)
        with listening(sink.talk) as (port,), requests.Session() as http:
            http.trust_env = False
            start = time.monotonic()
            for _time in range(2):
                answer = http.post(
                    f"http://127.0.0.1:{port}/v3/x.test/messages.mime",
                    data={"to": "b@x.test"},
                    files={"message": ("message.mime", MESSAGE)},
                )
            seconds = time.monotonic() - start
        self.assertEqual(
            answer.json(), {"id": "<1@x>", "message": "Queued. Thank you."}
        )
        self.assertEqual(sink.taken, 2)
        self.assertTrue(0.4 <= seconds < 0.6, seconds)
