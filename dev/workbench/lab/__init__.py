"""A server to try things on: Odoo, PostgreSQL, the local Mailgun and a mail server.

What ``server_tests``, ``fuzz`` and ``upgrade`` share: how it is started and set up,
what is done with it over and over, and where one reads what came of it.
"""
