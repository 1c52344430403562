"""What the ledger has to know of the mail that core is sending."""

import itertools
from dataclasses import dataclass, field

from ..tools.addresses import normalize

#: Context key: the :class:`MailInHand` that core is sending.
IN_HAND = "mailgun_mail_in_hand"


# Compared by identity: it travels in a context, and contexts are compared.
@dataclass(eq=False)
class MailInHand:
    """What the ledger has to know of the mail that core is sending.

    :param mail_id: of the ``mail.mail``; 0 = a message sent without one
    :param attempt: how often somebody sent it on purpose
    :param resend_all: this attempt is for those, too, who got it by an earlier one
    :param has_waited: it was put back into the queue before
    :param res_model: of the document that it is about
    :param copies: contact and addresses of each copy that core is going to send
    """

    mail_id: int = 0
    attempt: int = 1
    resend_all: bool = False
    has_waited: bool = False
    res_model: str = ""
    tag: str = ""
    copies: list[tuple[int, frozenset[str]]] = field(default_factory=list)
    #: Contact and address of whom Mailgun has taken a copy for.
    taken: list[tuple[int, str]] = field(default_factory=list)
    message_id: str = ""
    #: Everybody was new to the mail and was taken: nothing but core's story to tell.
    is_plain: bool = True

    def note_copies(self, emails):
        """Note what ``_prepare_outgoing_list`` returned: whose copy goes where.

        Copies without a contact are told apart by zero, -1, -2 ...
        """
        strangers = itertools.count(0, -1)
        self.copies = [
            (
                email["partner_id"].id if email["partner_id"] else next(strangers),
                frozenset(map(normalize, email["email_to_normalized"])),
            )
            for email in emails
        ]

    def take_copy(self, recipients):
        """Return whose copy goes to ``recipients``, each copy once.

        Core may leave copies out that have no valid address, so they are not counted.

        :param list[str] recipients: normalized addresses
        """
        for position, (partner_id, addresses) in enumerate(self.copies):
            if addresses.intersection(recipients):
                del self.copies[position]
                return partner_id
        return 0
