"""Telling a program of an administrator's what is wrong: a monitoring, a chat, a push.

Plain Python without the client of Mailgun: neither a key nor anything else of it is
part of what is posted.
"""

import json
import urllib.error
import urllib.request

# Seconds; whoever waits for it is the one who tells of trouble.
_TIMEOUT = 10


def post_line(url: str, facts: dict) -> str:
    """Post one line of JSON.

    :param url: http or https
    :param facts: what JSON can say
    :return: why it was not taken, "" if it was
    """
    if not url.lower().startswith(("http://", "https://")):
        return "it is no address of a web server"
    request = urllib.request.Request(
        url,
        json.dumps(facts).encode() + b"\n",
        {"Content-Type": "application/json"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT):
            return ""
    except (OSError, ValueError, urllib.error.URLError) as error:
        return str(error) or type(error).__name__
