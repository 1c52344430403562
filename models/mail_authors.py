"""Who a mail says it is from."""

from odoo.tools import email_normalize, email_split
from odoo.tools.mail import decode_message_header

from ..tools.mail_head import parse_head


def authors_of(raw):
    """Return the normalized addresses in From, found the way core finds the author.

    :param bytes raw: the mail as it came
    :rtype: list[str]
    """
    text = decode_message_header(parse_head(raw), "From", separator=",")
    addresses = [email_normalize(address) for address in email_split(text)]
    return [address for address in addresses if address]
