"""``python -m workbench.conformance``: the command ``dev/live``."""

import os
import sys

from ..machine import processes
from .command import main

if __name__ == "__main__":
    # So that what was made is removed, too, when somebody ends it.
    processes.exit_on_signals()
    sys.exit(main(sys.argv[1:], os.environ))
