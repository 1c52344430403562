"""Six wings; arrows show who uses whom, and nothing goes the other way::

transactions <- domain <- inbound, outgoing <- events <- suppressions
"""

# In the order of the arrows, so that each wing's extensions of a model come after
# those of the wings it uses.
from . import transactions  # isort: skip
from . import domain  # isort: skip
from . import outgoing  # isort: skip
from . import inbound  # isort: skip
from . import events  # isort: skip
from . import suppressions  # isort: skip
