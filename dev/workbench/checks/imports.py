"""Who may import what: ``const <- tools <- models <- controllers``.

Ruff's ``banned-api`` checks it. It knows one list for all files of a run, so each rule
here is a run of its own.
"""

import json
import subprocess
import sys
from dataclasses import dataclass

from ..machine import paths, sources

_MODULE = ("mail_mailgun", "odoo.addons.mail_mailgun")


@dataclass(frozen=True)
class Rule:
    """Nobody in ``where`` imports ``banned``, but for the files in ``allowed``.

    :param where: beginnings of paths in the checkout
    :param allowed: beginnings of paths, too
    """

    banned: tuple[str, ...]
    why: str
    where: tuple[str, ...]
    allowed: tuple[str, ...] = ()


_PRODUCT = ("const.py", "hooks.py", "tools/", "models/", "controllers/", "wizard/")


def _parts(*names: str) -> tuple[str, ...]:
    return tuple(f"{module}.{name}" for module in _MODULE for name in names)


RULES = (
    Rule(
        ("odoo",),
        "tools/ and const.py are plain Python, without Odoo",
        ("const.py", "tools/"),
    ),
    Rule(
        ("requests",),
        "only tools/api/client.py talks to the network",
        _PRODUCT,
        ("tools/api/client.py",),
    ),
    Rule(
        ("hmac",),
        "only tools/signature.py checks signatures",
        _PRODUCT,
        ("tools/signature.py",),
    ),
    Rule(
        ("cryptography",),
        "only tools/vault.py encrypts",
        _PRODUCT,
        ("tools/vault.py",),
    ),
    Rule(
        ("magic",),
        "only tools/mime/attachment_type.py asks libmagic",
        _PRODUCT,
        ("tools/mime/attachment_type.py",),
    ),
    Rule(
        _parts("models", "wizard"),
        "const.py and tools/ do not know the models",
        ("const.py", "tools/"),
    ),
    Rule(
        _parts("controllers"),
        "nothing imports controllers",
        _PRODUCT,
        ("controllers/",),
    ),
    Rule(
        (*_parts("dev"), "mailgun_sandbox", "workbench"),
        "nothing in the module imports dev",
        (*_PRODUCT, "tests/"),
    ),
    Rule(
        _MODULE,
        "dev imports nothing from the module, but for what runs within Odoo",
        ("dev/",),
        ("dev/workbench/core_suite/",),
    ),
)


def problems() -> str:
    """Return ruff's complaints about all rules, or ""."""
    return "".join(_violations(rule) for rule in RULES)


def _violations(rule: Rule) -> str:
    names = [
        str(paths.MODULE / name)
        for name in sources.files(".py")
        if name.startswith(rule.where) and not name.startswith(rule.allowed or "\0")
    ]
    if not names:
        return ""
    # JSON's strings are TOML's, too.
    banned = ", ".join(
        f"{json.dumps(name)} = {{msg = {json.dumps(rule.why)}}}" for name in rule.banned
    )
    result = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--quiet", "--no-cache"]
        + ["--select", "TID251", "--output-format", "concise"]
        + ["--config", f"lint.flake8-tidy-imports.banned-api = {{{banned}}}", *names],
        cwd=paths.MODULE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout + result.stderr
