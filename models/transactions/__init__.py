"""How PostgreSQL and the server are used: locks, transactions of our own, what an
exception means, how long the server still runs.

Uses nothing of the other wings; all of them use it.
"""

from . import open_rows
