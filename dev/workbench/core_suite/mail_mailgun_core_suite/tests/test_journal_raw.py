"""Core's gateway tests, each mail posted as raw MIME."""

from ..differences import RAW
from .copies import copies, publish
from .journal import AsRaw

publish(globals(), copies("test_mail/test_mail_gateway", "raw", AsRaw, RAW))
