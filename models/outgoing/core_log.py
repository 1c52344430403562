"""Core's log of sending, without the alarm over what is none.

Core logs each mail that did not go out as an error with its traceback. A mail that only
has to wait is no error, and a pause of Mailgun would be as many as there are mails.
"""

import logging

from ...tools.errors import TransientError

CORE_LOGGER = "odoo.addons.mail.models.mail_mail"


class WaitingIsNoError(logging.Filter):
    """Lowers the entries about failures that pass by themselves."""

    def filter(self, record):
        """Let every entry pass, some of them as information."""
        error = record.exc_info and record.exc_info[1]
        while error is not None:
            if isinstance(error, TransientError):
                record.levelno, record.levelname = logging.INFO, "INFO"
                record.exc_info = record.exc_text = None
                break
            error = error.__cause__ or error.__context__
        return True


logging.getLogger(CORE_LOGGER).addFilter(WaitingIsNoError())
