"""``dev/chaos out``: mail leaves while Odoo is killed and the other side gives trouble.

Core's own way of sending has the same trouble beside it; its figures are only shown.
"""

import contextlib
import random
import time
from argparse import Namespace
from collections.abc import Iterator

from ..demo import demo_stage
from ..demo.demo_stage import DOMAIN, Stage
from ..machine.ports import HOST
from ..machine.steps import Steps
from ..sinks.listening import listening
from ..sinks.smtp import SmtpSink
from . import crons, log_kinds, settings, tally
from .carriers import Mailgun, MailServer
from .outbox import Outbox
from .recipients import kind_of, server_options

# Seconds after which the local Mailgun repeats an event that was not taken.
_SCHEDULE = "1,1,2,2,3,3,5,5,5,5,10,10,10,10,20,20,20,20,30,30"
# As docs/operator.rst advises for a threaded server, a third of the pool: the local
# Mailgun posts everything at once when Odoo is back.
_HTTP_THREADS = "21"
# Kills begin with the first mails, and end while enough is left to be sent.
_SHARE = 0.8
# For the next mail to be sent, and for all that wait: attempts are minutes apart.
_PATIENCE, _LAST_PATIENCE = 180, 900
_SHOWN = 10


def play(steps: Steps, arguments: Namespace) -> bool:
    """Send everything both ways; tell whether this module kept its word."""
    steps.say(f"{kind_of(arguments.workers)}, --seed {arguments.seed}")
    options = server_options(arguments.workers)
    schedule = ["--event-schedule", _SCHEDULE]
    with (
        demo_stage.running(
            steps, "chaos-out", options, schedule, ODOO_MAX_HTTP_THREADS=_HTTP_THREADS
        ) as stage,
        crons.awake(stage),
    ):
        settings.apply(steps, stage)
        _set_up_domain(stage, arguments.lanes)
        mailgun = Mailgun(stage.sandbox, arguments.delay / 1000, arguments.seed)
        good = Storm(steps, stage, arguments, mailgun).play()
        if arguments.core:
            with _mail_server(stage, arguments) as (server_id, carrier):
                Storm(steps, stage, arguments, carrier, server_id).play()
    return good


def _set_up_domain(stage: Stage, lanes: int) -> None:
    """Let what is in doubt be asked about soon: here events are late by seconds."""
    admin = settings.administrator(stage)
    domain = admin.search("mailgun.domain", ("name", "=", DOMAIN))
    values = {"lane_count": lanes, "settling_minutes": 1}
    admin.call("mailgun.domain", "write", domain, values)


@contextlib.contextmanager
def _mail_server(
    stage: Stage, arguments: Namespace
) -> Iterator[tuple[int, MailServer]]:
    """Run a mail server; return Odoo's record of it, and what it does."""
    sink = SmtpSink(arguments.delay / 1000, seed=arguments.seed)
    admin = settings.administrator(stage)
    with listening(sink.talk) as (port,):
        values = {"smtp_host": HOST, "from_filter": DOMAIN, "sequence": 99}
        server = admin.ensure("ir.mail_server", {"name": "Chaos"}, **values)
        admin.call("ir.mail_server", "write", [server], {"smtp_port": port})
        yield server, MailServer(sink)


class Storm:
    """Mails written and sent while Odoo is killed again and again.

    :param carrier: who takes the mails
    :param server_id: the ``ir.mail_server`` to leave by; 0 = as Odoo chooses
    """

    def __init__(
        self,
        steps: Steps,
        stage: Stage,
        arguments: Namespace,
        carrier: Mailgun | MailServer,
        server_id: int = 0,
    ):
        admin = settings.administrator(stage)
        self._steps, self._stage, self._carrier = steps, stage, carrier
        self._wanted, self._kills = arguments.mails, arguments.kills
        self._is_calm = arguments.calm
        # How many are written only when others have left.
        self._kept_back = 0 if arguments.calm else arguments.mails // 2
        self._chance = random.Random(arguments.seed)
        self._queue = crons.Queue(admin, stage)
        self._outbox = Outbox(admin, server_id)
        # Core leaves what it could not send until the next hour.
        self._needs_help = bool(server_id)

    def play(self) -> bool:
        """Raise the storm, wait until it is over; tell whether all was well."""
        self._queue.clear()
        begin = self._stage.log.stat().st_size
        self._steps.say(f"{self._carrier.name}: {self._wanted} mails")
        if not self._is_calm:
            self._carrier.misbehave()
        started = time.monotonic()
        self._write(self._wanted - self._kept_back)
        idle_kills = self._strike()
        self._write(self._wanted - len(self._outbox.mails))
        self._carrier.behave()
        self._drain()
        seconds = time.monotonic() - started
        found = tally.take(self._stage, self._outbox, self._carrier.taken())
        self._steps.say(f"{self._carrier.name}: the storm is over")
        self._steps.found(
            kills=f"{self._kills}, {idle_kills} of them while nothing was sent",
            **self._carrier.figures(),
            **found.figures(),
            seconds=f"{seconds:.0f}",
        )
        log_kinds.show(self._steps, self._stage, begin)
        for what in ("lost", "doubled", "untrue"):
            for address in getattr(found, what)[:_SHOWN]:
                self._steps.say(f"{what}: {address}")
        return found.is_good

    def _write(self, count: int) -> None:
        if count > 0:
            self._outbox.write(count)
            self._queue.trigger()

    def _strike(self) -> int:
        """Kill Odoo at random moments; return how often nothing was being sent."""
        idle_kills = 0
        moments = self._chance.sample(range(int(self._wanted * _SHARE)), self._kills)
        for moment in sorted(moments):
            idle_kills += not self._sends_until(moment)
            time.sleep(self._chance.uniform(0, 0.3))
            self._steps.say(f"Odoo is killed, {self._done()} mails are done")
            self._stage.odoo.kill()
            self._stage.odoo.start(self._steps)
            self._write(self._kept_back // self._kills)
        return idle_kills

    def _sends_until(self, moment: int) -> bool:
        """Wait until more than so many mails are done; false when it takes too long."""
        ends = time.monotonic() + _PATIENCE
        while self._done() <= moment:
            if time.monotonic() > ends:
                return False
            self._help()
            time.sleep(0.05)
        return True

    def _drain(self) -> None:
        def is_drained() -> bool:
            self._help()
            return self._done() == len(self._outbox.mails)

        self._steps.wait_for("mails that wait", is_drained, _LAST_PATIENCE)

    def _done(self) -> int:
        return tally.done(self._stage, self._outbox)

    def _help(self) -> None:
        if self._needs_help:
            self._queue.keep_going()
