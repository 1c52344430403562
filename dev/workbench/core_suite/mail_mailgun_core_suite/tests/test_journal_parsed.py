"""Core's gateway tests, each mail posted in Mailgun's parsed form."""

from ..differences import PARSED
from .copies import copies, publish
from .journal import AsParsedForm

GATEWAY = "test_mail/test_mail_gateway"

publish(globals(), copies(GATEWAY, "parsed", AsParsedForm, PARSED))
