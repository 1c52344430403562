"""What ``ir.mail_server._connect__`` returns for a Mailgun server.

Core sends through a small duck type, not through smtplib itself: ``send_message``,
``quit``, ``close`` and the attributes ``from_filter`` and ``smtp_from``
(odoo/addons/base/models/ir_mail_server.py, ``send_email``; its own tests use the same).
"""

import copy
import io
from collections.abc import Callable, Mapping
from email.generator import BytesGenerator
from email.message import Message

from .client import MailgunClient
from .errors import ApiError


class MailgunSession:
    """Sends each message by one API call. Opens nothing before the first message.

    :param domain: the sending domain at Mailgun
    :param open_client: makes the client; may raise ``SettingError``, which then belongs
        to the message being sent and not to the whole batch
    :param from_filter: of the mail server, for core's rewriting of the From
    :param smtp_from: the address core chose for this session
    :param options: sent along with every message (``o:…``)
    :param observe: is told how each attempt ended: an ``ApiError`` or None
    """

    def __init__(
        self,
        domain: str,
        open_client: Callable[[], MailgunClient],
        from_filter: str | None,
        smtp_from: str | None,
        options: Mapping[str, str],
        observe: Callable[[ApiError | None], None],
    ):
        self.from_filter = from_filter
        self.smtp_from = smtp_from
        self._domain = domain
        self._open_client = open_client
        self._client = None
        self._options = options
        self._observe = observe

    def send_message(self, message: Message, smtp_from: str, smtp_to_list: list[str]):
        """Hand ``message`` to Mailgun for exactly the recipients that core computed.

        ``smtp_from`` goes unused: Mailgun makes the envelope sender itself, one per
        message, and reports bounces as events.

        :raise ApiError: nothing was accepted
        """
        try:
            if self._client is None:
                self._client = self._open_client()
            self._client.send_mime(
                self._domain, flatten(message), smtp_to_list, self._options
            )
        except ApiError as error:
            self._observe(error)
            raise
        self._observe(None)

    def quit(self) -> None:
        """End the session; it may be used again."""
        if self._client is not None:
            self._client.close()
            self._client = None

    close = quit


def flatten(message: Message) -> bytes:
    """Return the bytes that smtplib would put on the wire (``SMTP.send_message``)."""
    visible = copy.copy(message)
    del visible["Bcc"]
    del visible["Resent-Bcc"]
    buffer = io.BytesIO()
    BytesGenerator(buffer).flatten(visible, linesep="\r\n")
    return buffer.getvalue()
