"""Core's tests of the gateway, with Mailgun and our journal between mail and core.

A mail is posted as a form, read as the endpoint reads it, written to the journal and
routed by the queue. What core then returns or raises is handed back to the test.
"""

import email
import email.policy
import os
import uuid
import xmlrpc.client
from unittest.mock import patch

from mailgun_sandbox.traffic import forms

from odoo.tests.test_cursor import TestCursor
from odoo.tools import email_normalize, email_split, mute_logger

from odoo.addons.mail_mailgun.models.inbound.inbound_queue import InboundQueue
from odoo.addons.mail_mailgun.models.inbound.mail_thread import header_recipients
from odoo.addons.mail_mailgun.models.transactions.budget import Budget
from odoo.addons.mail_mailgun.tools.mime.forms import parse_form
from odoo.addons.mail_mailgun.tools.mime.inbound import read_inbound
from odoo.addons.mail_mailgun.tools.mime.mail_head import envelope

_ROUTING = "odoo.addons.mail_mailgun.models.inbound.failed_mail"


class ThroughJournal:
    """Takes core's place wherever a test hands a mail to the gateway or to a parser."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(
            patch.dict(os.environ, {"MAILGUN_SECRET_KEY": "master key of the tests"})
        )
        cls.mailgun_domain = cls.env["mailgun.domain"].create(
            {
                "name": cls.mail_alias_domain.name,
                "alias_domain_id": cls.mail_alias_domain.id,
                "api_key": "an API key",
                "webhook_signing_key": "a signing key",
            }
        )
        cls.mailgun_domain.action_confirm()
        cls.incoming_server = cls.env["fetchmail.server"].create(
            {
                "name": "Mailgun",
                "server_type": "mailgun",
                "mailgun_domain_id": cls.mailgun_domain.id,
            }
        )

    def setUp(self):
        super().setUp()
        threads = self.registry["mail.thread"]
        self._into_core = threads.message_process
        self._routed = []
        self._is_routing = False
        case = self

        def message_process(thread, model=None, message=None, **options):
            if case._is_routing:
                return case._note(thread, model, message, **options)
            return case._post_and_route(model, _as_bytes(message))

        self.patch(threads, "message_process", message_process)
        # A test that sets the clock does so for its own cursor.
        self.patch(TestCursor, "now", lambda cursor: cursor._cursor.now())

    # --- instead of core ---

    def from_string(self, text):
        """Return the mail that core would be given, as core's helper does."""
        with self.enter_registry_test_mode():
            ids = self._post(_as_bytes(text))
        row = self.env["mailgun.inbound.email"].browse(ids[0])
        given = envelope(row._raw_bytes(), row.sender, [row.recipient], row.message_id)
        # Core's mails have one Message-Id, and are other mails.
        row.unlink()
        return email.message_from_bytes(given, policy=email.policy.SMTP)

    def _post_and_route(self, model, mail):
        self.incoming_server.object_id = model and self.env["ir.model"]._get_id(model)
        self._routed = []
        with self.enter_registry_test_mode():
            if self._post(mail):
                self._work()
        for _result, error in self._routed:
            if error:
                raise error
        return self._routed[0][0] if self._routed else False

    def _work(self):
        self._is_routing = True
        try:
            with mute_logger(_ROUTING):
                InboundQueue(self.registry).work(Budget(60))
        finally:
            self._is_routing = False

    def _note(self, thread, model, message, **options):
        """Let core have the mail, and remember what it returned or raised."""
        message = message.replace(*self._named_return_path, 1)
        try:
            result = self._into_core(thread, model, message, **options)
        except Exception as error:
            self._routed.append((None, error))
            raise
        self._routed.append((result, None))
        return result

    # --- what Mailgun does ---

    def _post(self, mail):
        """Post a mail for each of its recipients, as Mailgun's MX does.

        :return: the ids of new rows of the journal
        """
        head = email.message_from_bytes(mail, policy=email.policy.compat32)
        written = (head["Return-Path"] or "").strip()
        sender = next(iter(email_split(written)), "")
        # An envelope knows addresses; one of core's tests counts on a name.
        self._named_return_path = (
            f"Return-Path: <{sender}>".encode(),
            f"Return-Path: {written or '<>'}".encode(),
        )
        if not sender:
            mail = self._renamed(mail, head)
        journal = self.env["mailgun.inbound.email"]
        ids = []
        for recipient in self._recipients(mail, head):
            content_type, body = self.encode(mail, sender, recipient)
            post = read_inbound(parse_form(body, content_type))
            ids += journal._receive(self.mailgun_domain, post, uuid.uuid4().hex)
        return ids

    def _renamed(self, mail, head):
        """Give a delivery report that comes again a Message-Id of its own.

        Core's one template stands for many; the journal takes a Message-Id once.
        """
        name = (head["Message-Id"] or "").strip()
        journal = self.env["mailgun.inbound.email"]
        if not name or not journal.search_count([("message_id", "=", name)]):
            return mail
        return mail.replace(name.encode(), b"<%s@reports>" % uuid.uuid4().hex.encode())

    def _recipients(self, mail, head):
        """Return whom the mail was for: as the last server noted, or as it says."""
        noted = [str(one) for one in head.get_all("Delivered-To", [])]
        found = list(filter(None, map(email_normalize, noted)))
        if not found:
            ours = self.env["mail.alias.domain"].search([]).mapped("name")
            named = sorted(header_recipients(mail))
            found = [one for one in named if one.partition("@")[2] in ours]
        return found or [f"nobody@{self.mail_alias_domain.name}"]


class AsRaw(ThroughJournal):
    """Posted as Mailgun posts to a URL that ends in ``mime``."""

    @staticmethod
    def encode(mail, sender, recipient):
        """Return content type and body of the post."""
        fields, _files = forms.raw_fields(mail, sender, recipient)
        return forms.urlencode(fields)


class AsParsedForm(ThroughJournal):
    """Posted as Mailgun posts to any other URL: taken apart."""

    @staticmethod
    def encode(mail, sender, recipient):
        """Return content type and body of the post."""
        fields, files = forms.parsed_fields(mail, sender, recipient)
        return forms.multipart(fields, files) if files else forms.urlencode(fields)


def _as_bytes(mail):
    if isinstance(mail, xmlrpc.client.Binary):
        return mail.data
    return mail.encode() if isinstance(mail, str) else mail
