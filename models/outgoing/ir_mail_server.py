from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from odoo.addons.base.models.ir_mail_server import MailDeliveryException

from ...const import MAX_MESSAGE_MB
from ...tools.api.session import MailgunSession
from ...tools.errors import MailgunError, RefusedRecipient
from ..domain.notification import CLOSE, notification
from ..transactions.words import in_words
from .outgoing_session import IN_HAND, OutgoingSession


class IrMail_Server(models.Model):
    """An outgoing server that hands mail to Mailgun's API instead of an SMTP host."""

    _inherit = "ir.mail_server"

    smtp_authentication = fields.Selection(
        selection_add=[("mailgun", "Mailgun API")], ondelete={"mailgun": "set default"}
    )
    mailgun_domain_id = fields.Many2one(
        "mailgun.domain", ondelete="restrict", index="btree_not_null"
    )

    def _mailgun(self):
        return self.filtered(lambda server: server.smtp_authentication == "mailgun")

    # === COMPUTE, CONSTRAINT AND ONCHANGE METHODS === #

    def _compute_smtp_authentication_info(self):
        ours = self._mailgun()
        ours.smtp_authentication_info = self.env._(
            "Hand each mail to Mailgun over HTTPS. No mailbox, no open SMTP port: the "
            "domain, its region and its key are all that is needed."
        )
        others = super(IrMail_Server, self - ours)
        return others._compute_smtp_authentication_info()

    @api.constrains("smtp_authentication", "mailgun_domain_id")
    def _check_mailgun_domain(self):
        for server in self._mailgun():
            if not server.mailgun_domain_id:
                raise ValidationError(
                    self.env._(
                        "Choose the Mailgun domain that “%s” sends from.", server.name
                    )
                )

    @api.onchange("smtp_encryption")
    def _onchange_encryption(self):
        if self.smtp_authentication == "mailgun":
            return None
        return super()._onchange_encryption()

    @api.onchange("mailgun_domain_id")
    def _onchange_mailgun_domain_id(self):
        if self.mailgun_domain_id and not self.from_filter:
            self.from_filter = self.mailgun_domain_id.name
        if self.mailgun_domain_id and not self.max_email_size:
            self.max_email_size = MAX_MESSAGE_MB

    def _get_max_email_size(self):
        """Return beyond which estimated size core makes links of files, in MB.

        Core's estimate leaves out the line breaks of base64, 2 in 76 characters.
        """
        if not self._mailgun():
            return super()._get_max_email_size()
        size = min(self.max_email_size or MAX_MESSAGE_MB, MAX_MESSAGE_MB)
        return size * 76 / 78

    # === SENDING === #

    def _connect__(  # noqa: PLW3201
        self,
        host=None,
        port=None,
        user=None,
        password=None,
        encryption=None,
        smtp_from=None,
        ssl_certificate=None,
        ssl_private_key=None,
        smtp_debug=False,
        mail_server_id=None,
        allow_archived=False,
    ):
        """Return a session of ours when the mail leaves by a Mailgun server.

        Neither asks the network nor raises for key or domain trouble: core would turn
        the whole batch red for it. The session tells with the first mail.
        """
        if not mail_server_id and not host and not self._disable_send():
            found, smtp_from = self.sudo()._find_mail_server(smtp_from)
            mail_server_id = found and found.id
        server = self.sudo().browse(mail_server_id)
        if server.smtp_authentication != "mailgun" or self._disable_send():
            return super()._connect__(
                host=host,
                port=port,
                user=user,
                password=password,
                encryption=encryption,
                smtp_from=smtp_from,
                ssl_certificate=ssl_certificate,
                ssl_private_key=ssl_private_key,
                smtp_debug=smtp_debug,
                mail_server_id=mail_server_id,
                allow_archived=allow_archived,
            )
        self._check_forced_mail_server(server, allow_archived, smtp_from)
        return OutgoingSession(server, smtp_from)

    def _preview_session(self, smtp_from):
        """Return a session for core's choice of addresses; it never sends.

        :param str smtp_from: as ``_find_mail_server`` chose it
        """
        return MailgunSession("", None, self.from_filter, smtp_from)

    def send_email(self, message, *args, **kwargs):
        """Say Mailgun's reason instead of core's "via SMTP server 'None'".

        An address that Mailgun refuses is what core calls no valid recipient: it goes
        on with the other copies of the mail then.
        """
        try:
            return super().send_email(message, *args, **kwargs)
        except MailDeliveryException as error:
            reason = error.__context__
            if isinstance(reason, MemoryError) and self.env.context.get(IN_HAND):
                # Of these core makes no failed mail where they are raised elsewhere.
                raise reason from error
            if not isinstance(reason, MailgunError):
                raise
            if isinstance(reason, RefusedRecipient) and self.env.context.get(IN_HAND):
                raise AssertionError(self.NO_VALID_RECIPIENT) from reason
            raise MailDeliveryException(
                self.env._("Mailgun did not take the mail"), in_words(self.env, reason)
            ) from reason

    # === FORM ACTIONS === #

    def test_smtp_connection(self, autodetect_max_email_size=False):
        ours = self._mailgun()
        result = None
        if others := self - ours:
            result = super(IrMail_Server, others).test_smtp_connection(
                autodetect_max_email_size=autodetect_max_email_size
            )
        for server in ours:
            result = server._mailgun_test(autodetect_max_email_size)
        return result

    def _mailgun_test(self, detect_size):
        if detect_size:
            self.max_email_size = MAX_MESSAGE_MB
            text = self.env._(
                "Mailgun takes mails of up to %s MB; larger attachments become links.",
                MAX_MESSAGE_MB,
            )
            # Closed as core does it: the form shows what the test has changed.
            return notification("success", text, CLOSE)
        if not self.mailgun_domain_id:
            raise UserError(self.env._("Choose a Mailgun domain first."))
        return self.mailgun_domain_id.action_test_connection()
