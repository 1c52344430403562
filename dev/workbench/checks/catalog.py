"""Which tests there are, read from their files without running them.

Three runners share them: plain Python (classes tagged ``mailgun_tools``), Odoo with a
database (all other classes of ``tests/``), and the sandbox's own (``dev/tests/``).
"""

import ast
from dataclasses import dataclass
from pathlib import PurePosixPath

from ..machine import paths, sources

PLAIN_TAG = "mailgun_tools"


@dataclass(frozen=True)
class TestClass:
    """A class of tests: its file, its name, its tests, whether it is plain Python."""

    path: str
    name: str
    methods: tuple[str, ...]
    is_plain: bool

    @property
    def module(self) -> str:
        """Return the dotted path within the checkout, such as tests.test_client."""
        return ".".join(PurePosixPath(self.path).with_suffix("").parts)


@dataclass(frozen=True)
class Target:
    """A class of tests to run, or one test of it."""

    test_class: TestClass
    method: str = ""

    @property
    def name(self) -> str:
        """Return ``TestClass`` or ``TestClass.test_method``."""
        return ".".join(filter(None, [self.test_class.name, self.method]))


def of_module() -> list[Target]:
    """Return the tests of the module."""
    return _targets("tests/test_")


def of_sandbox() -> list[Target]:
    """Return the tests of the local Mailgun."""
    return _targets("dev/tests/test_")


def find(wanted: str) -> list[Target]:
    """Return the tests that an argument of ``dev/test`` means, perhaps none.

    :param wanted: ``tests/test_x.py``, the same with ``::test_y`` or
        ``::TestX::test_y`` behind it, ``TestX`` or ``TestX.test_y``
    """
    path, *names = wanted.replace("::", "\0").split("\0")
    if not path.endswith(".py"):
        path, names = "", wanted.split(".")
    return [
        target
        for candidate in of_module() + of_sandbox()
        if path in ("", candidate.test_class.path)
        for target in _narrow(candidate.test_class, names)
    ]


def _narrow(test_class: TestClass, names: list[str]) -> list[Target]:
    if not names:
        return [Target(test_class)]
    if names[0] == test_class.name:
        return [Target(test_class, *names[1:2])]
    return [Target(test_class, names[0])] if names[0] in test_class.methods else []


def _targets(beginning: str) -> list[Target]:
    return [
        Target(test_class)
        for path in sources.files(".py")
        if path.startswith(beginning)
        for test_class in _read(path)
    ]


def _read(path: str) -> list[TestClass]:
    tree = ast.parse((paths.ROOT / path).read_bytes())
    return [
        TestClass(path, node.name, _methods(node), _is_plain(node))
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test")
    ]


def _methods(node: ast.ClassDef) -> tuple[str, ...]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return tuple(
        item.name
        for item in node.body
        if isinstance(item, functions) and item.name.startswith("test")
    )


def _is_plain(node: ast.ClassDef) -> bool:
    return any(
        isinstance(argument, ast.Constant) and argument.value == PLAIN_TAG
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
        for argument in decorator.args
    )
