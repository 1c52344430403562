"""What the local Mailgun knows while it runs, and what is to go wrong."""
