"""Events as Mailgun posts them, and how long their answers take."""

import itertools
import json
import random
import secrets
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import requests
from mailgun_sandbox.memory.state import Mail
from mailgun_sandbox.traffic import event_shapes, signing

from ..demo.demo_stage import DOMAIN, SIGNING_KEY
from ..machine.steps import StepFailed

_STORAGE = "https://storage-us-west1.api.mailgun.net/v3/domains/x/messages/"
_RAW = b"From: sales@example.com\r\nSubject: Your order\r\n\r\nThank you.\r\n"
EVENTS_OF_A_MAIL = 3


def events(first: int, variables: Callable[[int], dict[str, str]]) -> Iterator[dict]:
    """Yield what Mailgun tells of mails that arrive and are read.

    :param first: number of the first mail
    :param variables: what was sent along with the mail of a number
    """
    for number in itertools.count(first):
        mail = _mail(number, variables(number))
        (recipient,) = mail.recipients
        for event in (
            event_shapes.accepted(mail, _STORAGE, recipient),
            event_shapes.delivered(mail, _STORAGE, recipient),
            event_shapes.reaction(mail, _STORAGE, recipient, "opened", ""),
        ):
            event_id = secrets.token_urlsafe(16)
            yield {**event, "id": event_id, "timestamp": time.time()}


def _mail(number: int, variables: dict[str, str]) -> Mail:
    """Return the mail of a number, as ``scripts/bench_events_*.py`` know it."""
    return Mail(
        id=number,
        domain=DOMAIN,
        message_id=f"<bench.{number}@{DOMAIN}>",
        sender=f"Sales <sales@{DOMAIN}>",
        subject="Your order",
        recipients=[f"customer{number}@customer.test"],
        options={f"v:{name}": [value] for name, value in variables.items()},
        raw=_RAW,
    )


@dataclass
class Lane:
    """One endpoint that events are posted to.

    :param name: as the table shows it
    :param database: which of the server's
    :param path: of the endpoint
    :param variables: what was sent along with the mail of a number
    """

    name: str
    database: str
    path: str
    variables: Callable[[int], dict[str, str]]
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self):
        self._events = events(1, self.variables)

    def post(self, http: requests.Session, url: str) -> None:
        """Post the next event, and take the time until its answer is there.

        :param url: of the server
        :raise StepFailed: it was not taken
        """
        posted = {"signature": signing.sign(SIGNING_KEY)}
        body = json.dumps({**posted, "event-data": next(self._events)})
        headers = {
            "Content-Type": "application/json",
            "X-Odoo-Database": self.database,
        }
        started = time.perf_counter()
        answer = http.post(url + self.path, data=body, headers=headers, timeout=60)
        self.seconds.append(time.perf_counter() - started)
        # A route of type "jsonrpc" answers 200 to everything.
        if answer.status_code != 200 or '"error"' in answer.text:
            raise StepFailed(
                f"{self.name}: {answer.status_code} {answer.text[:300]}, see Odoo's log"
            )

    @property
    def median(self) -> float:
        """Return the seconds that half of the answers took at most."""
        return statistics.median(self.seconds)

    @property
    def slow(self) -> float:
        """Return the seconds that nineteen of twenty answers took at most."""
        return statistics.quantiles(self.seconds, n=20)[18]

    @property
    def rate(self) -> float:
        """Return answers a second."""
        return 1 / statistics.fmean(self.seconds)


def race(url: str, lanes: list[Lane], warm_up: int, posts: int) -> None:
    """Post to all lanes in turns, so that what disturbs one disturbs all.

    :param url: of the server
    :param warm_up: posts to each lane that do not count
    :param posts: to each lane
    """
    with requests.Session() as http:
        http.trust_env = False
        for number in range(warm_up + posts):
            if number == warm_up:
                for lane in lanes:
                    lane.seconds.clear()
            for lane in random.sample(lanes, len(lanes)):
                lane.post(http, url)
