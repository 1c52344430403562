"""What Mailgun tells of mail, and what Odoo's own records are told of it: deliveries,
notifications, mailings, rates.

Uses ``outgoing``, ``inbound``, ``domain`` and ``transactions``.
"""

from . import mailgun_event

# isort: split
from . import (
    mail_message,
    mail_notification,
    mailgun_delivery,
    mailgun_domain,
    rates,
    recovery,
    restored,
)
