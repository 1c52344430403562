"""Make the old database, upgrade it, compare, check the sentences."""

from ..lab import settings
from ..lab.lab import Lab
from ..lab.outside import Outside
from ..machine.report import Report
from ..machine.steps import StepsOf
from ..server_tests import logs
from ..servers import odoo, odoo_run, sandbox_process, template
from ..servers.sentences import TROUBLES, check
from ..sinks.smtp import SmtpSink
from . import afterwards, old_data, old_module, shape

DATABASE = "mailgun_upgrade"
_MASTER_KEY = {"MAILGUN_SECRET_KEY": "master key of the upgrade"}
# Everything happens when it is asked for.
_WAYS = ("--max-cron-threads", "0")

# What the upgrade changes or moves on purpose: table, or table.column, and why.
MEANT = {
    "mailgun_domain.footprint": "what was made in Odoo is in odoo_footprint now",
    "mailgun_delivery.mailgun_id": "kept only where Mailgun has given another one",
    "mailgun_inbound_email.error": "what to do is in mailgun_inbound_email.remedy now",
    "mailgun_event.payload": "in mailgun_event_payload now, for some days",
    "mailgun_event.token": "in mailgun_used_token now",
}


def run(report: Report, postgres_env: dict[str, str], wanted: dict) -> None:
    """Lead the module from the old version to this one in a database of its own.

    :param wanted: the structure of a database whose installation was this version
    """
    if not template.copy_to(report, postgres_env, DATABASE):
        return
    options = settings.mailgun_options()
    with sandbox_process.running("upgrade-sandbox", *options) as mailgun:
        steps, outside = StepsOf(report), Outside(mailgun.url)
        lab = Lab(steps, postgres_env, DATABASE, outside, SmtpSink())
        try:
            _make_old_data(lab)
            _upgrade(report, lab)
            _compare(report, lab, wanted)
            _check_sentences(report, lab)
        except TROUBLES as error:
            text = f"{type(error).__name__}: {error}"
            report.failed(f"the upgrade from {old_module.VERSION} is checked", text)
        finally:
            lab.stop()


def _make_old_data(lab: Lab) -> None:
    lab.steps.say(f"data as {old_module.VERSION} makes it ...")
    lab.variables = {**_MASTER_KEY, "PYTHONPATH": old_module.python_path()}
    lab.start("--init", odoo.MODULE, *_WAYS)
    old_data.make(lab)
    lab.stop()
    lab.variables = _MASTER_KEY


def _upgrade(report: Report, lab: Lab) -> None:
    before = shape.read_rows(lab.rows)
    empty = [table for table, rows in before.items() if not rows]
    report.check("the old version has data in every table", "\n".join(empty))
    ended = odoo_run.run(
        report,
        lab.postgres_env,
        DATABASE,
        "test-upgrades-old-data",
        *("--update", odoo.MODULE, "--stop-after-init"),
        variables=_MASTER_KEY,
    )
    report.check(f"the module upgrades from {old_module.VERSION}", ended.problems)
    problems = shape.losses(before, shape.read_rows(lab.rows), MEANT)
    report.check("every row of the old version is still there", problems)


def _compare(report: Report, lab: Lab, wanted: dict) -> None:
    for what, found in shape.read_structure(lab.rows).items():
        problems = shape.differences(found, wanted[what])
        report.check(f"{what} are those of a new installation", problems)


def _check_sentences(report: Report, lab: Lab) -> None:
    lab.logs.clear()
    lab.start(*_WAYS)
    for sentence in (*afterwards.SUBJECT.sentences, *logs.SUBJECT.sentences):
        check(report, lab, sentence)
