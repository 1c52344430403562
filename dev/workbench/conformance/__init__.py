"""What we assume about Mailgun, held against a real account or the local Mailgun.

Each assumption is a function whose docstring is the sentence that is printed. It
returns when the assumption holds, perhaps with what it saw, and raises otherwise.
Everything that a check makes has the run's name in it and is removed again.
"""
