"""Mailgun's API, a file for each chapter of its reference."""
