"""Real servers, real trouble: is mail lost, doubled or bounced? (``dev/chaos``)

What counts is what the database holds at the end: records and messages for each mail,
by SQL that knows nothing of the module.
"""
