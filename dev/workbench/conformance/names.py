"""Names that tell what the checks made from everything else in an account."""

import re
import secrets
import time

_NAME = re.compile(r"conformance-(\d{10})-[0-9a-f]{6}")
# A run that was killed is certainly over by then.
_FORGOTTEN = 6 * 3600


def new_run() -> str:
    """Return the name of a run: what it is, when it began, and something unique."""
    return f"conformance-{int(time.time())}-{secrets.token_hex(3)}"


def is_run(text: str) -> bool:
    """Tell whether a text is the name of a run."""
    return bool(_NAME.fullmatch(text))


def may_go(text: object, run: str) -> bool:
    """Tell whether a text names something of this run, or of one long ago."""
    found = _NAME.search(text) if isinstance(text, str) else None
    if found is None:
        return False
    return found[0] == run or int(found[1]) < time.time() - _FORGOTTEN
