"""Posts made by threads of ours, at the same instant; Mailgun's are a bit apart."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import requests
from mailgun_sandbox.traffic import forms, signing

from ..demo.demo_stage import SIGNING_KEY
from ..machine.steps import StepFailed
from .letters import Letter

_PATH = "/mailgun/inbound/mime"
_TIMEOUT = 60
_TRIES = 5


def post(url: str, letter: Letter, recipient: str, http: requests.Session) -> int:
    """Post a mail for one of its recipients until it is taken.

    :param url: of Odoo
    :return: how often it was refused before
    :raise StepFailed: when Odoo does not take it
    """
    fields, _files = forms.raw_fields(letter.raw, letter.sender, recipient)
    signature = signing.sign(SIGNING_KEY)
    fields += [(name, text.encode()) for name, text in signature.items()]
    content_type, body = forms.urlencode(fields)
    headers = {"Content-Type": content_type}
    for refused in range(_TRIES):
        answer = http.post(url + _PATH, data=body, headers=headers, timeout=_TIMEOUT)
        if answer.status_code == 200:
            return refused
        time.sleep(1)
    raise StepFailed(f"a post was answered {answer.status_code}: {answer.text}")


def session() -> requests.Session:
    """Return a connection to a process of this machine."""
    http = requests.Session()
    http.trust_env = False
    return http


def together(url: str, letters: Sequence[Letter], lanes: int = 1) -> int:
    """Post each mail for all its recipients at once.

    :param url: of Odoo
    :param letters: all with as many recipients
    :param lanes: how many mails are on their way at a time
    :return: how many posts were refused and repeated
    """
    width = len(letters[0].recipients)
    with ThreadPoolExecutor(lanes * width) as pool:
        futures = []
        for lane in range(lanes):
            barrier = threading.Barrier(width, timeout=_TRIES * _TIMEOUT)
            for position in range(width):
                futures.append(
                    pool.submit(_posts, url, letters[lane::lanes], position, barrier)
                )
    errors = [error for one in futures if (error := one.exception())]
    # The one that failed says why; the others only that the barrier is broken.
    errors.sort(key=lambda error: isinstance(error, threading.BrokenBarrierError))
    if errors:
        raise errors[0]
    return sum(one.result() for one in futures)


def _posts(url, letters, position: int, barrier: threading.Barrier) -> int:
    refused = 0
    try:
        with session() as http:
            for letter in letters:
                barrier.wait()
                refused += post(url, letter, letter.recipients[position], http)
    except BaseException:
        barrier.abort()
        raise
    return refused
