"""Plain Python: what can be said of mail and of Mailgun without Odoo.

``api`` may use ``mime``, never the other way.
"""
