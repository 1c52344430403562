"""Core's test classes, taken over with their tests as they are.

Odoo runs a test of another module only when that module is installed or updated, and
then often before ours is loaded. So a subclass that belongs to this addon carries the
very same test functions, and runs when everything is loaded.
"""

import functools
import importlib
import unittest
from collections.abc import Iterator

from odoo.tests import BaseCase, tagged

from ..differences import FAIL_WITHOUT_THE_MODULE, Difference


def copies(
    path: str,
    kind: str,
    mixin: type | None = None,
    differences: dict[str, Difference] | None = None,
) -> Iterator[type]:
    """Yield a class for each one of a test file that has tests.

    :param path: such as ``mail/test_fetchmail``
    :param kind: first part of the name of the new classes
    :param mixin: goes before core's class
    :param differences: the tests that fail, and how
    """
    addon, file = path.split("/")
    module = importlib.import_module(f"odoo.addons.{addon}.tests.{file}")
    for found in vars(module).values():
        if not (isinstance(found, type) and found.__module__ == module.__name__):
            continue
        tests = _own_tests(found) if issubclass(found, BaseCase) else {}
        if tests:
            name = f"{kind}_{found.__name__}"
            for test, difference in (differences or {}).items():
                core_class, method = test.split(".")
                if core_class == found.__name__:
                    tests[method] = _differing(tests[method], difference)
            yield _copy(found, name, tests, mixin)


def publish(namespace: dict, classes: Iterator[type]) -> None:
    """Put classes where Odoo's loader finds them.

    :param namespace: ``globals()`` of a test file
    """
    for one in classes:
        one.__module__ = namespace["__name__"]
        namespace[one.__name__] = one


def _own_tests(core_class: type) -> dict:
    return {
        name: value
        for name, value in vars(core_class).items()
        if name.startswith("test") and callable(value)
    }


def _copy(core_class: type, name: str, tests: dict, mixin: type | None) -> type:
    for method in tests:
        if reason := FAIL_WITHOUT_THE_MODULE.get(f"{name}.{method}"):
            reason = f"fails without the module too: {reason}"
            tests[method] = unittest.skip(reason)(tests[method])
    bases = (mixin, core_class) if mixin else (core_class,)
    made = type(core_class)(name, bases, {"__module__": __package__, **tests})
    return tagged("post_install", "-at_install")(made)


def _differing(test, difference: Difference):
    """Return a test that passes when the other one fails as it is known to."""

    @functools.wraps(test)
    def checked(case):
        with case.assertRaises(AssertionError) as caught:
            test(case)
        case.assertIn(difference.sign, str(caught.exception))

    return checked
