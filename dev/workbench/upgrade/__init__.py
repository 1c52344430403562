"""Part of ``dev/test odoo``: a database of an earlier version, with data, is upgraded.

The earlier version itself makes it: its code is in the archive beside this file (``git
archive``, without tests), is installed, sets domains up, sends and receives. Then the
module is upgraded as anybody does it, and sentences are checked as ``server_tests`` do.
"""
