"""Odoo and the local Mailgun as processes: started, spoken to, their logs read.

Uses ``machine``.
"""
