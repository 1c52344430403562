"""What speaks HTTP with Mailgun, and reads what it answers."""
