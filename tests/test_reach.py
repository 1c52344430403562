import os
from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.mail_mailgun.const import (
    API_URL_VARIABLE,
    ENDPOINT_HEADER,
    INBOUND_PATHS,
)
from odoo.addons.mail_mailgun.models.inbound import reach
from odoo.addons.mail_mailgun.tools.probe import Answer, probe

from .common import MailgunHttpCase, MailgunRoutingCase
from .local_mailgun import LocalMailgun

ANSWERS = "odoo.addons.mail_mailgun.controllers.answers"
NOT_FOUND = b"<html><title>404 Not\nFound</title><h1>Not Found</h1></html>"


@tagged("post_install", "-at_install")
class TestEndpointsKnowProbes(MailgunHttpCase):
    def test_a_probe_is_answered_by_us_and_worth_no_warning(self):
        for path in (*INBOUND_PATHS, "/mailgun/events"):
            with self.subTest(path), self.assertNoLogs(ANSWERS, "WARNING"):
                response = self.url_open(path, data={"probe": "1"})
                self.assertEqual(response.status_code, 401)
                self.assertTrue(response.headers[ENDPOINT_HEADER])
        self.assertFalse(self.domain.refusal)


@tagged("post_install", "-at_install")
class TestReach(MailgunRoutingCase):
    """What answers at the public address."""

    def setUp(self):
        super().setUp()
        self.proxy = LocalMailgun()
        self.enterContext(self.proxy.running())
        self.url = os.environ[API_URL_VARIABLE]
        self.domain.public_url = self.url
        self.enterContext(patch.object(reach, "probe", probe))

    def line(self):
        self.domain.write(self.domain._ask_who_answers())
        lines = self.domain._health_lines()
        return next((one for one in lines if one.title == "Public address"), None)

    def test_what_answers_instead_is_told_with_what_to_do(self):
        for status, body, words, remedy in (
            (404, NOT_FOUND, "404 Not Found", "dbfilter"),
            (413, b"<p>too large</p>", "413 too large", "client_max_body_size"),
            (200, b"Welcome", "200 Welcome", "press Check"),
        ):
            with self.subTest(status):
                self.proxy.answer(status, body, "text/html")
                line = self.line()
                self.assertEqual(line.level, "error")
                self.assertIn(words, line.text)
                self.assertIn(remedy, line.remedy)

    def test_a_redirect_is_not_followed(self):
        self.proxy.answer(301, b"", {"Location": self.url + "/elsewhere"})
        self.assertEqual(probe(self.url), Answer(False, 301))
        self.assertEqual(len(self.proxy.seen), 1)

    def test_nothing_is_said_where_we_answer_or_nobody_does(self):
        self.proxy.answer(404, NOT_FOUND)
        self.assertTrue(self.line())
        self.proxy.answer(401, b"not signed", {ENDPOINT_HEADER: "mail_mailgun"})
        self.assertIsNone(self.line())
        self.proxy.hang_up()
        self.assertIsNone(self.line())

    def test_posts_that_arrive_are_believed_more(self):
        self.receive()
        self.proxy.answer(404, NOT_FOUND)
        self.assertEqual(self.line().level, "info")
