"""Addons of OCA, from PyPI, kept in the state."""

from pathlib import Path

from ..machine import paths, pypi


def folder(*names: str) -> Path:
    """Return where these addons are, for Odoo's addons path."""
    return paths.STATE / f"oca-{'-'.join(names)}" / "odoo" / "addons"


def fetch(*names: str) -> None:
    """Get addons that are not there yet.

    :param names: such as ``mail_tracking``
    :raise StepFailed: they cannot be had
    """
    # They depend on each other and on Odoo, which is here already.
    pypi.install(
        folder(*names).parents[1],
        *(f"odoo-addon-{name.replace('_', '-')}==19.0.*" for name in names),
    )
