import os
import re
import unittest
from importlib.util import find_spec
from itertools import product
from unittest.mock import patch
from urllib.parse import urlsplit

from urllib3.util import parse_url

from odoo.tests import BaseCase, tagged
from odoo.tests.common import _super_send

from odoo.addons.mail_mailgun.const import API_URL_VARIABLE
from odoo.addons.mail_mailgun.tools.api.client import MailgunClient
from odoo.addons.mail_mailgun.tools.errors import SettingError, TransientError
from odoo.addons.mail_mailgun.tools.mailgun_url import trusted_origin

from .local_internet import LocalInternet
from .local_mailgun import LocalMailgun

STORED = "https://storage-us-east4.api.mailgun.net/v3/domains/x/messages/1"
MAILGUN = re.compile(r"([a-z0-9-]+\.)+mailgun\.(net|org)")

# What parsers read differently, or what only looks like Mailgun.
ELSEWHERE = (
    r"https://evil.example\.mailgun.net/x",
    r"https://evil.example\@api.mailgun.net/x",
    "https://evil.example#.mailgun.net/x",
    "https://evil.example?.mailgun.net/x",
    "https://evil.example:443#.mailgun.net/",
    "https://api.mailgun.net@evil.example/x",
    "https://api.mailgun.net:443@evil.example/x",
    "https://evil.example/x#@api.mailgun.net",
    "https://api.mailgun.net.evil.example/x",
    "https://notmailgun.net/x",
    "https://mailgun.net/x",
    "https://help.mailgun.com/x",
    "https://.mailgun.net/x",
    "https://api..mailgun.net/x",
    f"https://{'a' * 64}.mailgun.net/x",
    f"https://{'a.' * 200}mailgun.net/x",
    "https://*.mailgun.net/x",
    "https://api_x.mailgun.net/x",
    "https://api%2emailgun.net/x",
    "https://evil.example%2f.mailgun.net/x",
    "https://evil.example%5c.mailgun.net/x",
    "https://evil.example\uff0f.mailgun.net/x",
    "https://evil.example\u2044.mailgun.net/x",
    "https://evil.example\uff3c.mailgun.net/x",
    "https://evil.example\u3002mailgun.net/x",
    "https://api\u3002mailgun.net/x",
    "https://api.mailgun\u2024net/x",
    "https://api.m\u0430ilgun.net/x",
    "https://api.mailgun.net\u200b/x",
    "https://\u24d0pi.mailgun.net/x",
    "https://evil.example\t.mailgun.net/x",
    "https://evil.example\n.mailgun.net/x",
    "https://evil.example\r\n.mailgun.net/x",
    "https://evil.example\x00.mailgun.net/x",
    "https://evil.example .mailgun.net/x",
    "\thttps://evil.example/.mailgun.net",
    "https://api.mailgun.net\\",
    "https://api.mailgun.net:8443/x",
    "https://api.mailgun.net:80/x",
    "https://api.mailgun.net:0443x/x",
    "https://api.mailgun.net:https/x",
    "https://api.mailgun.net:/x:443",
    "https://api.mailgun.net:99999/x",
    "https://api.mailgun.net:-1/x",
    "https://user@api.mailgun.net/x",
    "https://user:password@api.mailgun.net/x",
    "https://:@api.mailgun.net/x",
    "https://@api.mailgun.net/x",
    "https://[/x",
    "https://[",
    "https://]",
    "https://[::1]/x",
    "https://[::1].mailgun.net/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[fe80::1%25api.mailgun.net]/x",
    "https://[api.mailgun.net]/x",
    "https://127.0.0.1/x",
    "https://2130706433/x",
    "https://0x7f.1/x",
    "http://api.mailgun.net/x",
    "HTTP://api.mailgun.net/x",
    "ftp://api.mailgun.net/x",
    "file:///etc/passwd",
    "file://api.mailgun.net/x",
    "https:api.mailgun.net/x",
    "https:/api.mailgun.net/x",
    "https:///api.mailgun.net/x",
    "https:\\\\api.mailgun.net/x",
    "javascript://api.mailgun.net/%0aalert(1)",
    "x:[://api.mailgun.net",
    "http",
    "https",
    "https://",
    "://",
    "x",
    "?",
    " ",
    "",
    "\ud800",
    "https://\ud800.mailgun.net/",
    f"https://evil.example/{'a' * 100_000}.mailgun.net",
    f"{STORED}/{'a' * 100_000}",
)


# What addresses are made of, put together in every order.
PARTS = (
    ("https://", "http://", "https:\\", "//"),
    ("", "evil.example", "user@", "[::1]"),
    ("", "\\", "/", "#", "@", ":", "%2f", "\t", "\uff0f", "\u3002"),
    ("api.mailgun.net", ".mailgun.org", "\u24d0.mailgun.net"),
    ("", ":443", ":8443", ":https", "@evil.example", "\\@evil.example"),
    ("/x", "", "#@evil.example/"),
)


class KeyCase(BaseCase):
    """A client for whom the whole internet is on this machine."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.internet = LocalInternet()
        cls.enterClassContext(cls.internet.running())

    @classmethod
    def _request_handler(cls, session, request, /, **options):
        # Odoo's tests let nothing out; here nothing can get out.
        return _super_send(session, request, **options)

    def setUp(self):
        super().setUp()
        self.internet.asked.clear()
        self.internet.dialled.clear()
        self.client = MailgunClient("us", "key-secret")
        self.addCleanup(self.client.close)

    def refusal(self, url):
        """Return what is said of an address at which nobody was asked."""
        with self.assertRaises(SettingError) as caught:
            self.client.call("GET", url)
        self.assertEqual((self.internet.asked, self.internet.dialled), ([], []))
        return str(caught.exception)

    def is_trusted(self, url):
        """Tell whether the key may go there; if so it is Mailgun to every parser."""
        try:
            trusted_origin(url)
        except SettingError:
            return False
        for found in (parse_url(url), urlsplit(url)):
            self.assertEqual(found.scheme, "https")
            self.assertIn(found.port, (None, 443))
            self.assertTrue(MAILGUN.fullmatch(found.hostname))
        self.assertIsNone(parse_url(url).auth)
        self.assertIsNone(urlsplit(url).username)
        return True


@tagged("mailgun_tools")
class TestWhereTheKeyGoes(KeyCase):
    def test_mailgun_is_asked_with_the_key(self):
        for url in (STORED, STORED.replace(".net", ".net:443"), "/v3/routes"):
            self.client.call("GET", url)
        hosts = [one.host for one in self.internet.asked]
        stored = "storage-us-east4.api.mailgun.net"
        self.assertEqual(hosts, [stored, stored, "api.mailgun.net"])
        self.assertEqual({one.port for one in self.internet.asked}, {"443"})
        keys = {one.key for one in self.internet.asked}
        self.assertEqual(keys, {"Basic YXBpOmtleS1zZWNyZXQ="})

    def test_nobody_else_is_asked_at_all(self):
        for url in ELSEWHERE:
            with self.subTest(url=url[:200]):
                self.refusal(url)

    def test_a_path_stays_at_mailgun_whatever_is_in_it(self):
        for address in ("//evil.example/x", "/@evil.example", "/:x", "/#@x", "/../x"):
            with self.subTest(address=address):
                self.client.call("GET", address)
        self.assertEqual(set(self.internet.dialled), {"api.mailgun.net"})

    def test_whom_the_key_is_sent_to_is_mailgun_to_every_parser(self):
        trusted = [
            url for parts in product(*PARTS) if self.is_trusted(url := "".join(parts))
        ]
        self.assertIn("https://api.mailgun.net:443/x", trusted)
        for url in trusted:
            self.client.call("GET", url)
        hosts = {one.host for one in self.internet.asked}
        self.assertEqual(hosts, set(self.internet.dialled))
        self.assertTrue(all(map(MAILGUN.fullmatch, hosts)), hosts)

    @unittest.skipUnless(find_spec("hypothesis"), "hypothesis is not installed")
    def test_no_text_makes_the_key_go_elsewhere_or_raises_anything_else(self):
        from hypothesis import given, settings, strategies

        pieces = sorted({piece for part in PARTS for piece in part} | set(ELSEWHERE))
        texts = strategies.lists(
            strategies.one_of(strategies.sampled_from(pieces), strategies.text())
        )

        @settings(max_examples=1000, deadline=None, database=None, derandomize=True)
        @given(texts)
        def check(parts):
            self.is_trusted("".join(parts))

        check()
        self.assertEqual(self.internet.asked, [])

    # --- what is said ----------------------------------------------------------------

    def test_a_refusal_names_the_host_that_would_have_been_asked(self):
        for url, host in (
            (r"https://evil.example\.mailgun.net/x", "https://evil.example is"),
            ("https://api.mailgun.net@evil.example:8443", "https://evil.example:8443 "),
            ("https://evil.example/#.mailgun.net", "https://evil.example is"),
            ("http://api.mailgun.net/x", "http://api.mailgun.net is"),
            ("https://b\u00fccher.example/x", "https://xn--bcher-kva.example is"),
            ("https://user:pass@evil.example/", "https://evil.example is"),
            ("https://[::1]/x", "https://[::1] is"),
        ):
            with self.subTest(url=url):
                self.assertTrue(self.refusal(url).startswith(host), self.refusal(url))

    def test_a_refusal_is_one_line_of_plain_text(self):
        for url in ELSEWHERE:
            with self.subTest(url=url[:200]):
                self.assertRegex(self.refusal(url), r"\A[ -~]{1,250}\Z")

    def test_an_error_names_the_host_that_was_asked(self):
        with patch.dict(os.environ, {"https_proxy": "http://127.0.0.1:9"}):
            with self.assertRaisesRegex(TransientError, "https://storage-us-east4"):
                self.client.call("GET", STORED)

    # --- where MAILGUN_API_URL leads -------------------------------------------------

    def test_the_key_goes_exactly_where_the_environment_says(self):
        mailgun = LocalMailgun()
        with mailgun.running(), patch.dict(os.environ, {"NO_PROXY": "127.0.0.1"}):
            url = os.environ[API_URL_VARIABLE]
            self.client = MailgunClient("us", "key-secret")
            self.client.call("GET", f"{url}/v3/stored")
            self.assertEqual(trusted_origin(f"{url}/v3/stored"), url)
            for other in (
                url.replace("http:", "https:"),
                url.replace("127.0.0.1", "localhost"),
                url.replace("127.0.0.1", "evil.example"),
                url.replace("//", "//user@"),
                f"{url}0/x",
                f"{url}\\@evil.example/",
                f"{url}@evil.example/",
                f"{url}.evil.example/",
            ):
                with self.subTest(other=other):
                    self.refusal(other)
        self.assertEqual([one.path for one in mailgun.seen], ["/v3/stored"])

    def test_an_address_of_the_api_that_is_none_is_named(self):
        for url in (
            "https://[",
            "mailgun.example.com",
            "localhost:8126",
            "https://user:password@mailgun.example.com",
            "https://mailgun.example.com:https",
            "https://mailgun.example.com/?x",
            r"https://mailgun.example.com\x",
            "https://mailgun\uff0fexample.com",
            "ftp://mailgun.example.com",
        ):
            with self.subTest(url=url), patch.dict(os.environ, {API_URL_VARIABLE: url}):
                with self.assertRaises(SettingError) as caught:
                    MailgunClient("us", "key-secret")
                self.assertIn(API_URL_VARIABLE, str(caught.exception))
                self.assertNotIn("password", str(caught.exception))

    def test_mailgun_is_trusted_whatever_the_environment_says(self):
        with patch.dict(os.environ, {API_URL_VARIABLE: "https://["}):
            self.assertEqual(trusted_origin(STORED), STORED.partition("/v3")[0])

    def test_an_api_behind_another_port_or_an_ipv6_address_may_be_named(self):
        for url in ("https://mailgun.example.com:8443/base", "http://[::1]:8126"):
            with self.subTest(url=url), patch.dict(os.environ, {API_URL_VARIABLE: url}):
                MailgunClient("us", "key-secret").close()
                self.assertTrue(trusted_origin(f"{url}/v3/x"))
