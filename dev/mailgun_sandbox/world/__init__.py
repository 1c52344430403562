"""The outside world: its mailboxes as pages, what people write, and what they do with
what they get.
"""
