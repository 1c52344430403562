"""Odoo and a local Mailgun with a conversation between them (``dev/demo``)."""

import argparse
import sys

import psycopg2
import requests

from ..machine import processes
from ..machine.steps import StepFailed, Steps
from ..servers import odoo_log, odoo_run
from ..servers.web_client import OdooError
from . import conversation, demo_settings, demo_stage
from .demo_stage import Stage


def main() -> int:
    """Set the stage, play the main job, stay up unless only a check was asked for."""
    arguments = _arguments()
    processes.exit_on_signals()
    steps = Steps()
    try:
        with demo_stage.running(steps) as stage:
            _play(steps, stage)
            if not arguments.check:
                _stay(steps, stage)
    except StepFailed as error:
        steps.say(f"FAILED: {error}")
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev/demo", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="play the main job and end: 0 if it worked"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="forget all state and start from nothing"
    )
    return parser.parse_args()


def _play(steps: Steps, stage: Stage) -> None:
    try:
        demo_settings.apply(steps, stage)
        conversation.act(steps, stage)
        _check_log(steps, stage)
        steps.say("everything went as it should")
    except (StepFailed, OdooError, requests.RequestException, psycopg2.Error) as error:
        _show_evidence(stage)
        raise StepFailed(f"{error}\n   Odoo's log: {stage.log}") from error


def _show_evidence(stage: Stage) -> None:
    print(f"\nEnd of Odoo's log:\n{odoo_run.tail(stage.log)}")
    print("\nWhat the local Mailgun posted to Odoo, and the answers:")
    for post in stage.sandbox.posts():
        answers = [attempt["status"] for attempt in post["attempts"]]
        print(f"  {post['recipient']}: {answers or 'none yet'}, {post['outcome']}")
    print(flush=True)


def _check_log(steps: Steps, stage: Stage) -> None:
    troubles = [str(entry) for entry in odoo_log.read(stage.log) if entry.is_trouble]
    if troubles:
        raise StepFailed("Odoo's log has warnings:\n" + "\n".join(troubles))
    steps.say("no warning and no error in Odoo's log")


def _stay(steps: Steps, stage: Stage) -> None:
    domain = demo_stage.DOMAIN
    print(
        f"""
  Odoo       {stage.url}/odoo
             admin / admin, or sales / sales
  The world  {stage.sandbox.url}
             mailboxes of everybody out there, with a Reply form
  Logs       {stage.log.parent}

  Try:
  - As Sales, open Contacts > Customer and send a message; read it out there.
  - Press Reply there and see the answer in the contact's chatter.
  - From out there write to sales@{domain}: CRM has a new lead.
  - As admin: Settings > Technical > Email > Mailgun Domains, and the journal
    beside it (developer mode: {stage.url}/odoo?debug=1).

  Ctrl-C stops everything; the database stays.
""",
        flush=True,
    )
    try:
        status = stage.odoo.wait()
    except SystemExit:
        steps.say("stopping")
        return
    raise StepFailed(f"Odoo ended with {status}:\n{odoo_run.tail(stage.log)}")


if __name__ == "__main__":
    sys.exit(main())
