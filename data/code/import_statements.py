"""What a source text imports, without running it."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
from collections.abc import Iterator

COMPUTED = "*"  # among a text's imports: some have names that are known at run time alone

# A fact of the text: it is remembered by the text's digest, so it cannot be another's.
_known: dict[tuple[str, str, bool], frozenset[str]] = {}


def find_imports(
    digest: str, source: bytes, file: str, package: str, *, calls: bool
) -> frozenset[str]:
    """The dotted names that a text's imports may mean, also those in functions.

    Args:
        digest: of the text.
        source: the text.
        file: for messages.
        package: that relative imports count from.
        calls: look also for `import_module(…)` and `__import__(…)`; takes ten times as long.

    Raises:
        SyntaxError: the text is no Python.
    """
    key = digest, package, calls
    if key not in _known:
        tree = ast.parse(source, file)
        nodes = ast.walk(tree) if calls else _statements(tree)
        _known[key] = frozenset(_named(nodes, package))
    return _known[key]


def _named(nodes: Iterator[ast.AST], package: str) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            with contextlib.suppress(ImportError):  # above the outermost package: Python says so
                base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
                # what follows `import` may be a module too, or a name in one
                yield from (base, *(f"{base}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Call) and _imports(node.func):
            with contextlib.suppress(ImportError):
                yield importlib.util.resolve_name(_literal(node) or COMPUTED, package)


def _imports(function: ast.expr) -> bool:
    """Whether it is `import_module` or `__import__`, however it is reached."""
    name = getattr(function, "attr", getattr(function, "id", None))
    return name in ("import_module", "__import__")


def _literal(call: ast.Call) -> str | None:
    match call.args:
        case [ast.Constant(value=str(name)), *_] if name.strip("."):
            return name
    return None


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Every statement, also in functions; a tenth of all nodes, and imports are nothing else."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        yield node
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            todo += getattr(node, block, ())
