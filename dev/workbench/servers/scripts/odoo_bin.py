"""Odoo's command line as a file: with --workers Odoo starts its path again."""

from odoo.cli.command import main

main()
