"""Where the sentences are checked: PostgreSQL, Odoo, a local Mailgun, a mail server."""

import contextlib
from collections.abc import Iterator

from ..demo import demo_stage
from ..machine import databases, postgres
from ..machine.report import Report
from ..machine.steps import StepsOf
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


@contextlib.contextmanager
def running(report: Report) -> Iterator[Lab]:
    """Keep everything up while the context lasts.

    :raise StepFailed: when something does not start
    """
    steps = StepsOf(report)
    sink, options = SmtpSink(), settings.mailgun_options()
    with (
        databases.alone(report),
        postgres.running() as postgres_env,
        sandbox_process.running("server-sandbox", *options) as mailgun,
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
