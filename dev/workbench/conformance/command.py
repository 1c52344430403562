"""The command line of ``dev/live``."""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests

from ..machine.ports import HOST
from ..servers.sentences import NotChecked
from . import catcher, local, report, target
from .findings import Findings
from .run import run

_SKIPPED = (
    f"skipped: set {target.KEY} and {target.DOMAIN} to check an account at Mailgun; "
    "dev/live --sandbox checks the local one"
)


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Do what the arguments ask for.

    :return: the exit code
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.catcher is not None:
        asyncio.run(catcher.serve(HOST, options.catcher))
        return 0
    if options.sandbox:
        with local.account() as account:
            return _run(account, options.report)
    try:
        account = target.from_environment(environ, options.wait)
    except ValueError as error:
        parser.error(str(error))
    if account is None:
        print(_SKIPPED)
        return 0
    return _run(account, options.report)


def _run(account: target.Target, file: Path | None) -> int:
    catcher_url = account.catcher or f"none, {target.CATCHER} is not set"
    print(f"{account.domain} at {account.url}; catcher: {catcher_url}", flush=True)
    try:
        findings = run(account)
        if file:
            _write(file, account, findings)
        return findings.close()
    except (NotChecked, requests.RequestException) as error:
        print(f"dev/live: {error}", flush=True)
        return 1


def _write(file: Path, account: target.Target, findings: Findings) -> None:
    """Write what was found and met, so that it can be sent back."""
    hidden = dict.fromkeys(findings.secrets, "***")
    names = {account.domain: "mail.example.com", account.catcher: "https://catcher"}
    redacted = report.Redacted({**hidden, **names})
    report.write(file, redacted, findings.lines, findings.met)
    print(f"\nreport: {file}; look at it before you send it", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dev/live", description="What we assume about Mailgun, checked."
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--sandbox", action="store_true", help="check the local Mailgun instead"
    )
    what.add_argument(
        "--catcher",
        type=int,
        metavar="PORT",
        help="keep what is posted to this port, for another dev/live to read",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="write what was found and the texts that were met, without names",
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=target.Target.patience,
        metavar="SECONDS",
        help="for a post or an event, at most (default: %(default).0f)",
    )
    return parser
