"""Mailgun's lists of addresses that it delivers nothing to, and Odoo's blacklist.

Uses every other wing; no wing uses it.
"""

from . import (
    mailgun_delivery,
    mailgun_domain,
    mailgun_suppression,
    mailgun_unsubscribe,
    res_partner,
)
