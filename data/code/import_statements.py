"""Find the imports in a source text without running it."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import re
from collections.abc import Iterator, Sequence

COMPUTED = "*"  # stands for imports whose names are known only at run time

# An import as the formatter leaves it: of names in brackets, of names, or of modules.
_NAMES = r"([.\w]+(?:[ ]as[ ]\w+)?(?:,[ ][.\w]+(?:[ ]as[ ]\w+)?)*)(?:[ ]+#.*)?"
_IMPORT = re.compile(
    rf"^[ ]*(?:from[ ]([.\w]+)[ ]import[ ](?:\(([^)]*)\)|{_NAMES})|import[ ]{_NAMES})$",
    re.MULTILINE,
)
_COMMENT = re.compile("#.*")

# keyed by the text's digest, so that it never goes stale
_cache: dict[tuple[str, str, bool], frozenset[str]] = {}


def find_imports(
    digest: str, source: bytes, file: str, package: str, *, own: bool
) -> frozenset[str]:
    """Return the dotted names that the imports of a text may mean, also those in functions.

    Args:
        digest: of the text.
        source: the text.
        file: for messages.
        package: the start of relative imports.
        own: whether the text is Penstock's own, which is read by its lines in a tenth of the time;
            a test holds that they say what the syntax tree says. In a text of others
            `import_module(…)` and `__import__(…)` count as well.

    Raises:
        SyntaxError: a text of others is not valid Python.
    """
    key = digest, package, own
    if key not in _cache:
        names = _read_lines(source) if own else _list_names(ast.parse(source, file))
        resolved = set[str]()
        for name in names:
            with contextlib.suppress(ImportError):  # beyond the top-level package Python will raise
                resolved.add(importlib.util.resolve_name(name, package))
        _cache[key] = frozenset(resolved)
    return _cache[key]


def _read_lines(source: bytes) -> Iterator[str]:
    """Yield the names of all lines that begin with `import`, or with `from` and have `import`."""
    for base, block, line, modules in _IMPORT.findall(source.decode()):
        parts = _COMMENT.sub("", block or line or modules).split(",")
        names = [part.split()[0] for part in parts if part.strip()]
        yield from names if modules else _join(base, names)


def _list_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from _join(base, [alias.name for alias in node.names])
        elif isinstance(node, ast.Call) and _is_import_call(node.func):
            yield _read_literal(node) or COMPUTED


def _join(base: str, names: Sequence[str]) -> Iterator[str]:
    """Yield what `from base import names` may mean: a name may be a module, or be in the module."""
    yield base
    yield from (f"{base}{name}" if base.endswith(".") else f"{base}.{name}" for name in names)


def _is_import_call(function: ast.expr) -> bool:
    """Return whether a called expression is `import_module` or `__import__`, by any path."""
    name = getattr(function, "attr", getattr(function, "id", None))
    return name in ("import_module", "__import__")


def _read_literal(call: ast.Call) -> str | None:
    match call.args:
        case [ast.Constant(value=str(name)), *_] if name.strip("."):
            return name
    return None
