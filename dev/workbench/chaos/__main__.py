"""``python -m workbench.chaos``: choose what goes wrong, and see what comes of it."""

import argparse
import random
import sys

import psycopg2
import requests

from ..bench.ways import DEFAULT_LANES
from ..machine import processes
from ..machine.steps import StepFailed, Steps
from ..servers.web_client import OdooError
from . import outgoing, recipients, replies, storm


def main() -> int:
    """Play what was asked for; 0 when nothing was lost, doubled or bounced."""
    arguments = _arguments()
    processes.exit_on_signals()
    steps = Steps()
    try:
        good = arguments.play(steps, arguments)
    except (
        StepFailed,
        OdooError,
        RuntimeError,
        requests.RequestException,
        psycopg2.Error,
    ) as error:
        steps.say(f"FAILED: {error}")
        return 1
    steps.say("everything is as it should be" if good else "FAILED: see above")
    return 0 if good else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev/chaos", description=__doc__)
    parsers = parser.add_subparsers(required=True, metavar="in|out|recipients|replies")
    _storm(parsers.add_parser("in", help="mails while servers are killed"))
    _outgoing(parsers.add_parser("out", help="mails to send while Odoo is killed"))
    _recipients(parsers.add_parser("recipients", help="three posts at one instant"))
    _replies(parsers.add_parser("replies", help="aliases in Bcc of a reply"))
    for one in parsers.choices.values():
        one.add_argument(
            "--fresh", action="store_true", help="forget all state, start from nothing"
        )
    return parser.parse_args()


def _storm(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--mails", type=int, default=400)
    add("--kills", type=int, default=6, help="of Odoo, with SIGKILL")
    add("--crashes", type=int, default=3, help="of PostgreSQL")
    _chances(parser)
    parser.set_defaults(play=storm.play)


def _outgoing(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--mails", type=int, default=1000, help="with two recipients each")
    add("--kills", type=int, default=20, help="of Odoo, with SIGKILL")
    add(
        "--lanes",
        type=int,
        default=DEFAULT_LANES,
        help="that this module sends by at a time",
    )
    add("--delay", type=int, default=20, help="ms until the other side answers")
    add(
        "--calm",
        action="store_true",
        help="all mails wait from the start, and nothing goes wrong but the kills",
    )
    add("--no-core", dest="core", action="store_false", help="leave core's SMTP out")
    _chances(parser)
    parser.set_defaults(play=outgoing.play)


def _chances(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--workers", type=int, default=0, help="of Odoo; 0 = threads of one process")
    add("--seed", type=int, default=random.randrange(10**6), help="of all chances")


def _recipients(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--mails", type=int, default=200)
    add("--runs", type=int, default=1, help="against each kind of server")
    add("--at-once", type=int, default=4, help="mails on their way at a time")
    _servers(parser)
    parser.set_defaults(play=recipients.play)


def _replies(parser: argparse.ArgumentParser) -> None:
    _servers(parser)
    parser.set_defaults(play=replies.play)


def _servers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        type=int,
        nargs="+",
        default=[0, 4],
        help="one server with each so many processes; 0 = threads of one process",
    )


if __name__ == "__main__":
    sys.exit(main())
