"""Odoo with a local Mailgun that answers, keeps mail and posts, over real HTTP."""

import os
import time
from unittest.mock import patch

import requests

from odoo.tests import HttpCase

from odoo.addons.mail_mailgun.const import API_URL_VARIABLE

from .common import DOMAIN

# Where a local Mailgun is; dev/test sets it.
SANDBOX_VARIABLE = "MAILGUN_TEST_SANDBOX"
SANDBOX = os.environ.get(SANDBOX_VARIABLE, "")
WITHOUT_SANDBOX = "no local Mailgun to talk to: run dev/test"


class SandboxCase(HttpCase):
    """Mail goes out and comes in by way of a local Mailgun."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        outside = {API_URL_VARIABLE: SANDBOX, "MAILGUN_SECRET_KEY": "master key"}
        cls.startClassPatcher(patch.dict(os.environ, outside))
        # Odoo sends nothing during tests unless asked to.
        servers = cls.registry["ir.mail_server"]
        cls.startClassPatcher(patch.object(servers, "_disable_send", lambda *_: False))
        cls.env.company.alias_domain_id = False
        cls.world = requests.Session()
        cls.world.trust_env = False

    def setUp(self):
        super().setUp()
        # The local Mailgun posts without the cookie of the test's browser.
        self.http_request_allow_all = True
        self.forget()

    def forget(self):
        """Take away what the test before has set up at Mailgun, and its mail."""
        with self.allow_requests(all_requests=True):
            api = {"auth": ("api", "sandbox-api-key")}
            routes = f"{SANDBOX}/v3/routes"
            for route in self.world.get(routes, **api).json()["items"]:
                self.world.delete(f"{routes}/{route['id']}", **api).raise_for_status()
            self.world.post(f"{SANDBOX}/sandbox/reset").raise_for_status()

    def connect(self):
        wizard = self.env["mailgun.connect"].create({"api_key": "sandbox-api-key"})
        wizard.action_find_domains()
        wizard.action_connect()
        return self.env["mailgun.domain"].search([("name", "=", DOMAIN)])

    def ask_sandbox(self, what, **query):
        url = f"{SANDBOX}/sandbox/{what}"
        return self.world.get(url, params=query).json()[what]

    def settle(self):
        """Wait until everything that Mailgun has to post has been taken.

        Without a look into the database: the posts use the connection of the test.
        """
        self.wait(lambda posts: all(post["attempts"] for post in posts))
        self.env.invalidate_all()

    def wait(self, is_done):
        """Wait until something holds for the posts of Mailgun; return them."""
        deadline = time.monotonic() + 20
        with self.allow_requests(all_requests=True):
            while not is_done(posts := self.ask_sandbox("posts")):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.1)
        return posts

    def tell_sandbox(self, what, **body):
        with self.allow_requests(all_requests=True):
            self.world.put(f"{SANDBOX}/sandbox/{what}", json=body).raise_for_status()

    def receive(self, raw, recipient, **ways):
        """Let a mail come to Mailgun from outside, and Mailgun post it.

        :param bytes raw: the mail
        :param ways: ``shape`` and ``encoding`` of the post
        :return: the post
        """
        # As a commit does: the post is taken in another transaction.
        self.env.flush_all()
        query = {"sender": "customer@customer.test", "recipient": recipient, **ways}
        with self.allow_requests(all_requests=True):
            url = f"{SANDBOX}/sandbox/inbound"
            self.world.post(url, data=raw, params=query).raise_for_status()
        self.settle()
        posts = self.wait(lambda _posts: True)
        return [post for post in posts if post["shape"] != "event"][-1]

    def repeat(self, post):
        """Let Mailgun post the same once more."""
        self.env.flush_all()
        with self.allow_requests(all_requests=True):
            url = f"{SANDBOX}/sandbox/posts/{post['id']}/repeat"
            self.world.post(url).raise_for_status()
        self.wait(
            lambda posts: any(
                one["id"] == post["id"] and len(one["attempts"]) > len(post["attempts"])
                for one in posts
            )
        )
        self.settle()
