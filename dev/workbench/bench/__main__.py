"""``python -m workbench.bench``: choose what to measure."""

import argparse
import sys

import psycopg2
import requests

from ..machine import processes
from ..machine.steps import StepFailed, Steps
from ..servers.web_client import OdooError
from . import events, growth, inbound, outbound


def main() -> int:
    """Measure what was asked for; 0 when what was promised is kept."""
    arguments = _arguments()
    processes.exit_on_signals()
    steps = Steps()
    try:
        return 0 if arguments.measure(steps, arguments) else 1
    except (
        StepFailed,
        OdooError,
        requests.RequestException,
        psycopg2.Error,
    ) as error:
        steps.say(f"FAILED: {error}")
        return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev/bench", description=__doc__)
    parsers = parser.add_subparsers(required=True, metavar="in|out|events|growth")
    taking = parsers.add_parser("in", help="what taking a mail costs")
    taking.add_argument("--mails", type=int, default=200, help="in each of six rounds")
    taking.set_defaults(measure=inbound.measure)
    telling = parsers.add_parser("events", help="what an event costs, beside OCA's")
    telling.add_argument("--posts", type=int, default=600, help="to each endpoint")
    telling.add_argument(
        "--rows", type=int, default=1_000_000, help="of the long table"
    )
    telling.set_defaults(measure=events.measure)
    growing = parsers.add_parser("growth", help="the room that a mail takes")
    growing.add_argument("--rows", type=int, default=1_000_000, help="of each table")
    growing.set_defaults(measure=growth.measure)
    sending = parsers.add_parser("out", help="mails a second through slow networks")
    sending.add_argument(
        "--judged", action="store_true", help="only what the promises are about"
    )
    sending.set_defaults(measure=outbound.measure)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
