"""Work that commits by itself, whatever its caller does later."""

import random
import time

from ..const import RACES_PER_ATTEMPT
from .failures import is_lost_race
from .own_cursor import own_cursor


def committed(registry, work):
    """Do some work in a transaction of its own, again when another one was first.

    :param odoo.modules.registry.Registry registry: of the database
    :param work: called with an environment of the superuser; it may be called again,
        and then finds nothing of what it did before
    :return: what ``work`` returned
    """
    for races_left in reversed(range(RACES_PER_ATTEMPT)):
        try:
            with own_cursor(registry) as env:
                return work(env)
        except Exception as error:  # noqa: BLE001  other modules may raise anything
            if not (races_left and is_lost_race(error)):
                raise
            time.sleep(random.uniform(0.02, 0.2))
    raise AssertionError("unreachable")
