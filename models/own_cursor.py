"""The one way to a transaction of our own.

Journal and queue must commit at other moments than their caller. In Odoo's HTTP tests
``registry.cursor()`` gives a savepoint of the test's transaction instead, so the same
code runs there.
"""

import contextlib

from odoo import SUPERUSER_ID, api

#: Context key: files are written whole or not at all.
WHOLE_FILES = "mailgun_whole_files"


@contextlib.contextmanager
def own_cursor(registry, context=None):
    """Open a transaction, committed at the end unless something raises.

    :param odoo.modules.registry.Registry registry: of the database
    :param dict context: for the environment
    :return: an environment of the superuser
    """
    with registry.cursor() as cursor:
        context = {WHOLE_FILES: True, **(context or {})}
        yield api.Environment(cursor, SUPERUSER_ID, context)
