"""``dev/test server``: what only a running server with real commits can show.

Own transactions beside core's, lanes, locks, signals and a second server do not exist
in Odoo's tests, which share one connection. Each sentence is the docstring of a
function; what came of it is read from PostgreSQL and from the local Mailgun, which
keeps every mail that it was given, doubles too.
"""
