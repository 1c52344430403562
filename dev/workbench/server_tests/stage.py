"""Where the sentences are checked: PostgreSQL, Odoo, a local Mailgun, a mail server."""

import contextlib
from collections.abc import Iterator

from ..demo import demo_stage
from ..machine import databases, postgres
from ..machine.report import Report
from ..machine.steps import Steps
from ..servers import odoo, sandbox_process
from ..sinks.listening import listening
from ..sinks.smtp import SmtpSink
from . import settings
from .lab import Lab
from .outside import Outside

DATABASE = "mailgun_server"
# Kept between runs, and copied for each: a run may leave anything behind.
TEMPLATE = "mailgun_server_template"
MODULES = ("contacts", "mass_mailing", odoo.MODULE)

# Mailgun repeats a post of an event after five minutes; here that is 0.6 seconds.
_TIME_SCALE = "0.002"


@contextlib.contextmanager
def running(report: Report) -> Iterator[Lab]:
    """Keep everything up while the context lasts.

    :raise StepFailed: when something does not start
    """
    steps = _StepsOf(report)
    sink = SmtpSink()
    with (
        databases.alone(report),
        postgres.running() as postgres_env,
        sandbox_process.running("server-sandbox", *_mailgun_options()) as mailgun,
        listening(sink.talk) as (smtp_port,),
    ):
        demo_stage.prepare_database(steps, postgres_env, TEMPLATE, MODULES)
        databases.copy(postgres_env, TEMPLATE, DATABASE)
        lab = Lab(steps, postgres_env, DATABASE, Outside(mailgun.url), sink)
        try:
            settings.put_jobs_off(lab)
            lab.start()
            settings.apply(lab, smtp_port)
            yield lab
        finally:
            lab.stop()


class _StepsOf(Steps):
    """Speaks through the report, which knows when it spoke last."""

    def __init__(self, report: Report):
        super().__init__()
        self.say, self.alive = report.say, report.alive


def _mailgun_options() -> list[str]:
    options = ["--api-key", settings.API_KEY, "--signing-key", settings.SIGNING_KEY]
    options += ["--key", f"sending:{settings.SENDING_KEY}:{settings.ONLY_SENDING}"]
    options += ["--time-scale", _TIME_SCALE]
    for domain in settings.DOMAINS:
        options += ["--domain", domain]
    return options
