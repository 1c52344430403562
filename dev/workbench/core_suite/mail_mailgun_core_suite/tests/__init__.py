import sys
from pathlib import Path

# The local Mailgun is there, which knows what the real one posts.
sys.path.append(str(Path(__file__).resolve().parents[4]))

from . import test_journal_parsed, test_journal_raw, test_unchanged  # noqa: E402
