"""What Mailgun does not have: how scripts steer it, under ``/sandbox``."""
