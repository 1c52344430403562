"""Every error that this module raises, on one screen.

The class says what to *do*, the text says what happened and how to repair it:

* :class:`TransientError`  wait, then try again; nothing is wrong here;
* :class:`LimitReached`    so it is, and for all mail alike;
* :class:`DoubtfulError`   nobody knows whether Mailgun took the mail: find out first;
* :class:`UnsettledError`  so it was before, and Mailgun was not asked again;
* :class:`NotUnderstood`   no answer that is known: wait, and prove nothing by it;
* :class:`SettingError`    somebody has to change a setting, here or at Mailgun;
* :class:`DomainBarred`    so it is, and key and domain themselves are good;
* :class:`UnreadableKey`   such a setting: the master key of this server;
* :class:`RefusedMessage`  this one mail has to change, all others are fine;
* :class:`NotThere`        what was asked for does not exist, says Mailgun;
* :class:`LostMail`        its file has to come back, from a backup or from the sender;
* :class:`UnreadableMail`  Odoo cannot read it: what can be read is shown instead;
* :class:`DeadlyMail`      its workers died of it: a person has to look at it first;
* :class:`InvalidSignature`, :class:`MalformedPayload`  what came in is not for us;
* :class:`Probe`           nor is that, which we posted ourselves;
* :class:`UnusedDomain`    it is, once somebody confirms the domain.
"""

from .sentence import Sentence


class MailgunError(Exception):
    """Base of all errors; ``str()`` is a sentence for the person who reads it.

    :param sentence: what happened and what to do, a ``Sentence`` where it is to be
        translated
    :cvar int domain_id: of the ``mailgun.domain`` whose post was refused, if any
    """

    domain_id = None

    def __init__(self, sentence: Sentence | str = ""):
        super().__init__(str(sentence))
        self.sentence = sentence


class ApiError(MailgunError):
    """Mailgun, or the way to it, did not do what was asked.

    :param sentence: what happened and what to do
    :param int status: the HTTP status, or 0 when there was no answer
    :param str detail: Mailgun's own words, or ""
    """

    def __init__(self, sentence, status=0, detail=""):
        super().__init__(sentence)
        self.status = status
        self.detail = detail


class TransientError(ApiError):
    """It will work later: rate limit, Mailgun's own failure, network trouble.

    :param float retry_at: when Mailgun says that it will, seconds since 1970; or 0
    """

    def __init__(self, sentence, status=0, detail="", retry_at=0.0):
        super().__init__(sentence, status, detail)
        self.retry_at = retry_at


class LimitReached(TransientError):
    """Mailgun takes no more for now, of whichever mail."""


class DoubtfulError(TransientError):
    """The request was made and its answer is not known, so it may have been obeyed."""


class UnsettledError(DoubtfulError):
    """An earlier request may have been obeyed, so none was made this time."""


class NotUnderstood(TransientError):
    """An answer of a kind that is documented nowhere: a proxy's page, say.

    It says nothing about a mail, a key or a list, so whatever was asked is asked again.
    """


class SettingError(ApiError):
    """It will not work before a setting changes: key, region, domain, plan."""


class DomainBarred(SettingError):
    """Mailgun takes the key, knows the domain, and does not let it send now."""


class UnreadableKey(SettingError):
    """A stored key cannot be opened: its master key is lost, another, or unreadable."""


class RefusedMessage(ApiError):
    """Mailgun refuses this one message: address, size, content."""


class RefusedRecipient(RefusedMessage):
    """Mailgun refuses the addresses, not the message: others may get it."""


class NotThere(ApiError):
    """What was asked for is not there, in Mailgun's own words: a route, an address."""


class MalformedPayload(MailgunError):
    """A request that can never become a mail or an event."""


class LostMail(MailgunError):
    """The bytes of a mail are not where they were kept."""


class UnreadableMail(MailgunError):
    """Python's parser, or Odoo's behind it, has failed of a mail."""


class DeadlyMail(MailgunError):
    """A mail of which the worker that takes it apart dies, each time."""


class InvalidSignature(MailgunError):
    """A request that does not prove that it comes from Mailgun."""


class Probe(InvalidSignature):
    """A post of our own that only asks who answers it."""


class MissingSigningKey(MailgunError):
    """There is no key to check a request with, so it is neither believed nor lost."""


class UnusedDomain(MailgunError):
    """What came is for a domain that is out of use here: neither taken nor lost."""
