"""What tests of models and endpoints share: a domain with keys, mails, signed posts."""

import os
import time
from unittest.mock import patch

import psycopg2

from odoo.sql_db import connection_info_for
from odoo.tests import HttpCase, TransactionCase

from odoo.addons.mail.tests.common import MailCommon
from odoo.addons.mail_mailgun.models.inbound import reach
from odoo.addons.mail_mailgun.models.inbound.inbound_queue import InboundQueue
from odoo.addons.mail_mailgun.tools.mime.inbound import InboundPost
from odoo.addons.mail_mailgun.tools.signature import sign

from .local_mailgun import LocalMailgun

DOMAIN = "mail.example.com"
SIGNING_KEY = "signing-key-1"
API_KEY = "api-key-1"


class MailgunMixin:
    """A confirmed Mailgun domain, its alias domain, an alias that makes contacts."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(
            patch.dict(os.environ, {"MAILGUN_SECRET_KEY": "master key of the tests"})
        )
        # Public addresses of tests are nobody's.
        cls.startClassPatcher(patch.object(reach, "probe", lambda _url: None))
        cls.domain = cls.env["mailgun.domain"].create(
            {
                "name": DOMAIN,
                "api_key": API_KEY,
                "webhook_signing_key": SIGNING_KEY,
            }
        )
        cls.domain.action_confirm()
        cls.alias_domain = cls.env["mail.alias.domain"].search(
            [("name", "=", DOMAIN)]
        ) or cls.env["mail.alias.domain"].create({"name": DOMAIN})
        cls.domain.alias_domain_id = cls.alias_domain
        cls.env.company.alias_domain_id = cls.alias_domain
        cls.alias = cls.env["mail.alias"].create(
            {
                "alias_name": "people",
                "alias_domain_id": cls.alias_domain.id,
                "alias_model_id": cls.env["ir.model"]._get_id("res.partner"),
                "alias_contact": "everyone",
            }
        )
        cls.journal = cls.env["mailgun.inbound.email"]

    def mail(self, to="people@" + DOMAIN, message_id="<1@example.org>", **headers):
        """Return a small mail as bytes; ``headers`` with _ for -."""
        lines = {
            "From": "Customer <customer@example.org>",
            "To": to,
            "Subject": "A question",
            "Message-Id": message_id,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
        return (head + "\r\nHow much is it?\r\n").encode()


def signed(key=SIGNING_KEY, timestamp=None, token=None):
    """Return a fresh signature triple as Mailgun would send it."""
    timestamp = str(int(time.time()) if timestamp is None else timestamp)
    token = token or os.urandom(25).hex()
    return {
        "timestamp": timestamp,
        "token": token,
        "signature": sign(key, timestamp, token),
    }


def refused_connection(*_arguments, **_options):
    """Fail as where PostgreSQL lets nobody in."""
    _name, options = connection_info_for("no such database")
    psycopg2.connect(**options)


class MailgunCase(MailgunMixin, MailCommon):
    """Models, with the journal's own transactions inside the test's."""

    def setUp(self):
        super().setUp()
        self.registry_enter_test_mode()


class MailgunRoutingCase(MailgunCase):
    """Mail that arrives and is routed, as by a post."""

    def receive(
        self,
        mail=None,
        recipient="people@" + DOMAIN,
        token=None,
        sender="customer@example.org",
        **options,
    ):
        """Journal a mail and work the queue, as a post does; return the row."""
        mail = mail or self.mail(**options)
        post = InboundPost.from_raw(mail, sender, [recipient])
        self.env.flush_all()
        ids = self.journal._receive(self.domain, post, token or f"token-{recipient}")
        self.work()
        return self.journal.browse(ids)

    def work(self):
        self.env.flush_all()
        InboundQueue(self.registry).work_after_answer()
        self.env.invalidate_all()

    def contacts(self):
        return self.env["res.partner"].search([("name", "=", "A question")])

    def failing(self, error):
        """Make the creation of contacts by mail raise ``error``."""
        model = self.registry["res.partner"]
        return patch.object(model, "message_new", side_effect=error, create=True)


class MailgunSendingCase(MailgunMixin, TransactionCase):
    """Sends for real, to a Mailgun on this machine."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.env["ir.mail_server"].create(
            {
                "name": "Mailgun",
                "smtp_authentication": "mailgun",
                "mailgun_domain_id": cls.domain.id,
                "from_filter": DOMAIN,
                "sequence": 0,
            }
        )

    def setUp(self):
        super().setUp()
        self.registry_enter_test_mode()
        self.mailgun = LocalMailgun()
        self.enterContext(self.mailgun.running())
        # Odoo sends nothing during tests unless asked to.
        servers = self.registry["ir.mail_server"]
        self.startPatcher(patch.object(servers, "_disable_send", lambda *_self: False))

    def as_committed(self, mails):
        """Return mails as if the transaction that made them were over."""
        mails._mailgun_forget_new()
        return mails


class MailgunHttpCase(MailgunMixin, HttpCase):
    """The endpoints, over real HTTP with real signatures."""

    def post(self, path="/mailgun/inbound/mime", files=None, sign_with=None, **fields):
        """Post a form; the default is one whole mail. ``None`` leaves a field out."""
        form = {
            "recipient": "people@" + DOMAIN,
            "sender": "customer@example.org",
            "body-mime": self.mail(),
            **signed(**(sign_with or {})),
            **{name.replace("_", "-"): value for name, value in fields.items()},
        }
        form = {name: value for name, value in form.items() if value is not None}
        return self.url_open(path, data=form, files=files)
