"""Mailgun's lists of addresses that it delivers nothing to, and Odoo's blacklist; and
where an address is in all our tables.

Uses every other wing; no wing uses it.
"""

from . import (
    mailgun_delivery,
    mailgun_domain,
    mailgun_suppression,
    mailgun_unsubscribe,
    privacy_lookup,
    res_partner,
)
