"""What ``ir.mail_server._connect__`` returns for a Mailgun server.

Core sends through a small duck type, not through smtplib itself: ``send_message``,
``quit``, ``close`` and the attributes ``from_filter`` and ``smtp_from``
(odoo/addons/base/models/ir_mail_server.py, ``send_email``; its own tests use the same).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from email.message import Message
from typing import Protocol

from ...const import MAX_MESSAGE_MB, MAX_RECIPIENTS, MIB
from ..addresses import as_written, normalize
from ..errors import ApiError, DoubtfulError, RefusedMessage, RefusedRecipient
from ..mime.wire import flatten
from ..sentence import Sentence as _lt
from .client import MailgunClient, MimeBody
from .send_options import Options, take_options


@dataclass
class Reservation:
    """Recipients that one POST is going to be made for.

    :param recipients: who is still to get the message; empty when all have it
    :param reference: opaque, comes back with each event
    :param ids: of the ledger's rows
    :param refused: why Mailgun did not take it for others, by this attempt before
    """

    recipients: list[str]
    reference: str = ""
    ids: list[int] = field(default_factory=list)
    refused: RefusedMessage | None = None


class Ledger(Protocol):
    """Where it is written down what is sent, each entry safe before the next step."""

    def begin(self, recipients: list[str]) -> None:
        """Learn who gets the message that comes next."""

    def reserve(self, message_id: str, recipients: list[str]) -> Reservation:
        """Write down that a POST is about to be made.

        :raise UnsettledError: nobody knows what became of the one before
        """

    def accept(self, reservation: Reservation, mailgun_id: str) -> None:
        """Write down that Mailgun has taken it."""

    def refuse(self, reservation: Reservation, error: RefusedMessage) -> None:
        """Write down that Mailgun does not want it."""

    def release(self, reservation: Reservation) -> None:
        """Forget it: nothing has reached Mailgun."""

    def doubt(self, reservation: Reservation, error: DoubtfulError) -> None:
        """Write down that it may have been taken, or not."""

    def close(self) -> None:
        """Let go of what is held between entries."""


class NoLedger:
    """For mail that nobody has to account for: round trips, previews."""

    def reserve(self, _message_id: str, recipients: list[str]) -> Reservation:
        """Let everything be sent."""
        return Reservation(recipients)

    def ignore(self, *_what) -> None:
        """Write nothing."""

    begin = accept = refuse = release = doubt = close = ignore


class MailgunSession:
    """Sends each message by one API call. Opens nothing before the first message.

    :param domain: the sending domain at Mailgun
    :param open_client: makes the client; may raise ``SettingError``, which then belongs
        to the message being sent and not to the whole batch
    :param from_filter: of the mail server, for core's rewriting of the From
    :param smtp_from: the address core chose for this session
    :param options: sent along with every message
    :param observe: is told how each attempt ended: an ``ApiError`` or None
    :param ledger: where each POST is written down
    :param waiting: entered for the time in which Mailgun is waited for
    :ivar error: why the last message was not taken, or None
    """

    def __init__(
        self,
        domain: str,
        open_client: Callable[[], MailgunClient],
        from_filter: str | None,
        smtp_from: str | None,
        options: Options | None = None,
        observe: Callable[[ApiError | None], None] = lambda _error: None,
        ledger: Ledger | None = None,
        waiting: Callable[[], AbstractContextManager] = nullcontext,
    ):
        self.from_filter = from_filter
        self.smtp_from = smtp_from
        self.options = options or Options()
        self.ledger = ledger or NoLedger()
        self.error: ApiError | None = None
        self.domain = domain
        self._open_client = open_client
        self._client: MailgunClient | None = None
        self._observe = observe
        self._waiting = waiting
        # Of the last message: recipients as the ledger knows them, and as they go out.
        self._written: dict[str, str] = {}

    def send_message(self, message: Message, smtp_from: str, smtp_to_list: list[str]):
        """Hand ``message`` to Mailgun for exactly the recipients that core computed.

        ``smtp_from`` goes unused: Mailgun makes the envelope sender itself, one per
        message, and reports bounces as events.

        :raise ApiError: it was not accepted, or not for all
        """
        self.error = None
        self._written = {normalize(one): as_written(one) for one in smtp_to_list}
        recipients = list(self._written)
        try:
            self._send_all(message, recipients)
        except Exception as error:
            # Core forgets a session of its own making when it fails.
            self.ledger.close()
            if isinstance(error, ApiError):
                self.error = error
                self._observe(error)
            raise

    def _send_all(self, message: Message, recipients: list[str]) -> None:
        self.ledger.begin(recipients)
        refused = None
        for some in _split(recipients):
            refused = self._send_some(message, some) or refused
        if refused:
            raise refused

    def _send_some(self, message: Message, recipients: list[str]):
        """Send to all of these whose address is one.

        Of many Mailgun does not say which one it does not like, and takes nothing. So
        it is asked for each half, and again.

        :return: a ``RefusedRecipient`` when there are others, or None
        """
        try:
            self._send(message, recipients)
        except RefusedRecipient as error:
            if len(recipients) == 1:
                return error
            middle = len(recipients) // 2
            first = self._send_some(message, recipients[:middle])
            return self._send_some(message, recipients[middle:]) or first
        return None

    def _send(self, message: Message, recipients: list[str]) -> None:
        # Without a key nothing is begun, so nothing has to be taken back.
        client = self._open()
        reservation = self.ledger.reserve(message["Message-Id"] or "", recipients)
        if reservation.recipients:
            self._post(client, message, reservation)
        if reservation.refused:
            raise reservation.refused

    def _post(self, client, message: Message, reservation: Reservation) -> None:
        body = None
        try:
            body = self._body(message, reservation)
            with self._waiting():
                mailgun_id = client.send_mime(self.domain, body)
        except DoubtfulError as error:
            self.ledger.doubt(reservation, error)
            raise
        except RefusedMessage as error:
            is_one_of_many = len(reservation.recipients) > 1
            if is_one_of_many and isinstance(error, RefusedRecipient):
                self.ledger.release(reservation)
            else:
                self.ledger.refuse(reservation, error)
            raise
        except BaseException as error:
            if isinstance(error, ApiError) or not (body and body.was_read):
                self.ledger.release(reservation)
                raise
            # From here on only Mailgun knows, whatever it was.
            doubt = DoubtfulError(
                _lt(
                    "Sending was interrupted while Mailgun was taking the mail "
                    "(%(kind)s).",
                    kind=type(error).__name__,
                )
            )
            self.ledger.doubt(reservation, doubt)
            if not isinstance(error, Exception):
                # The whole process is asked to end.
                raise
            raise doubt from error
        self.ledger.accept(reservation, mailgun_id)
        self._observe(None)

    def _open(self) -> MailgunClient:
        if self._client is None:
            self._client = self._open_client()
        return self._client

    def _body(self, message: Message, reservation: Reservation) -> MimeBody:
        visible, options = take_options(message, self.options, reservation.reference)
        mime = flatten(visible)
        if len(mime) > MAX_MESSAGE_MB * MIB:
            raise RefusedMessage(
                _lt(
                    "The message has %(size)s MB with its attachments, and Mailgun "
                    "takes %(limit)s MB. Send links instead of files.",
                    size=f"{len(mime) / MIB:.1f}",
                    limit=MAX_MESSAGE_MB,
                )
            )
        envelope = [self._written[one] for one in reservation.recipients]
        return MimeBody(mime, envelope, options)

    def quit(self) -> None:
        """End the session; it may be used again."""
        self.ledger.close()
        if self._client is not None:
            self._client.close()
            self._client = None

    close = quit


def _split(recipients: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(recipients), MAX_RECIPIENTS):
        yield recipients[start : start + MAX_RECIPIENTS]
