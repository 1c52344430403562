"""A Mailgun on this machine, written from Mailgun's documents, for trying the module.

It takes messages by the documented API, shows the mailboxes of the outside world, and
posts mail to routes signed, shaped and repeated as Mailgun does. It keeps everything in
memory, imports nothing from the module, and never removes duplicates for anybody.
"""
