"""In which ways ``dev/bench out`` sends, and how many mails in each."""

from dataclasses import dataclass

SMTP, MODULE, FLOOR, CORE_FLOOR = "smtp", "module", "floor", "core floor"
# Milliseconds to the other side and back.
DELAYS = (0, 20, 50, 100)
LANES = (1, 2, 4, 8, 12, 16)
DEFAULT_LANES = 12

_ROUND_TRIPS = {SMTP: 4, MODULE: 1, FLOOR: 0, CORE_FLOOR: 0}
# Core sends one mail after the other.
_CORES_OWN = (SMTP, CORE_FLOOR)
# How long one measurement shall take on a quiet machine, and what Odoo itself needs for
# a mail there: by both the number of mails is chosen, and by nothing else. With few of
# them, lanes that have nothing left to do while the others end would count too much.
_SECONDS = 5.0
_SECONDS_OF_ODOO = {SMTP: 0.025, CORE_FLOOR: 0.025, MODULE: 0.0125, FLOOR: 0.0125}
_MIN_MAILS = 20


@dataclass(frozen=True)
class Way:
    """How mails are sent.

    :param by: SMTP (core's), MODULE, CORE_FLOOR: what core's sending costs when the
        session does nothing, or FLOOR: the same of the module's, without ledger and
        network
    :param delay: of the network, in milliseconds
    :param lanes: at a time
    """

    by: str
    delay: int = 0
    lanes: int = 1

    def __str__(self) -> str:
        lanes = "" if self.by in _CORES_OWN else f", {self.lanes} lanes"
        return f"{self.by}, {self.delay} ms{lanes}"

    @property
    def mails(self) -> int:
        """Return with how many mails it is measured."""
        waiting = _ROUND_TRIPS[self.by] * self.delay / 1000
        computing = _SECONDS_OF_ODOO[self.by]
        rate = min(self.lanes / (computing + waiting), 1 / computing)
        return max(_MIN_MAILS, round(rate * _SECONDS))


CORE_NEAR, CORE_FAR = Way(SMTP, DELAYS[0]), Way(SMTP, DELAYS[-1])
NEAR = Way(MODULE, DELAYS[0], DEFAULT_LANES)
FAR = Way(MODULE, DELAYS[-1], DEFAULT_LANES)
CORE_IDLE = Way(CORE_FLOOR)
IDLE = Way(FLOOR, lanes=DEFAULT_LANES)
#: What the promises are about; what is compared stands side by side.
JUDGED = (CORE_FAR, FAR, NEAR, CORE_NEAR, CORE_IDLE, IDLE)

ALL = (
    *(Way(SMTP, delay) for delay in DELAYS),
    *(Way(MODULE, delay, lanes) for lanes in LANES for delay in DELAYS),
    CORE_IDLE,
    *(Way(FLOOR, lanes=lanes) for lanes in LANES),
)
