"""Find every place in the code that makes an error, and the form of its text.

A place is a call of an exception class: one of `data.errors` or derived from it, one of click, or
a builtin one, whose text other messages quote. A function that takes the text of its error from its
callers is no place; each call of that function is one.

A place is named by file, function and its number in that function, never by a line.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import click

import data.errors
from pipeline import exit_codes

HOME = Path(__file__).resolve().parents[2]
PACKAGES = ("data", "serving_export", "components", "pipeline")
# The classes themselves; a project of the user's own.
_LEFT_OUT = ("data/errors.py", "pipeline/environment/template/")
_LABELS = {"expected": "expected", "got": "got", "follows": "so", "remedy": "do"}  # as printed
_SPLIT = re.compile(rf"\n  ({'|'.join(_LABELS.values())}): +")
_ANY = "[^\0]*?"
_TEXTLESS = {"KeyboardInterrupt", "SystemExit", "StopIteration", "StopAsyncIteration"}
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def _exceptions(module: object, base: type) -> set[str]:
    return {
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, base)
    }


_OURS = _exceptions(data.errors, data.errors.PenstockError)
_CLICK = _exceptions(click, click.ClickException)
_BUILTIN = _exceptions(builtins, BaseException) - _TEXTLESS


@dataclass(frozen=True, kw_only=True)
class Place:
    """One place in the code that makes an error.

    Args:
        file: of the code, relative to the checkout.
        function: qualified by the classes and functions around it.
        number: of this place among those of the function, from 1.
        exit_code: of a command that ends so; None: the text stands in other messages alone.
        call: the call, with the positions in the file.
        raises: whether the call may raise the error where a class would return it.
        patterns: label → what the text under it must fit; "" is the first line.
    """

    file: str
    function: str
    number: int
    exit_code: int | None
    call: ast.Call = field(repr=False)
    raises: bool
    patterns: Mapping[str, str] = field(repr=False)

    @property
    def key(self) -> str:
        return f"{self.file} {self.function} {self.number}"

    @property
    def package(self) -> str:
        return self.file.partition("/")[0]

    @property
    def summary(self) -> str:
        """The text's first line, with the expressions that it holds in braces."""
        first = self.call.args[0] if self.call.args else self.call
        if not isinstance(first, ast.JoinedStr):
            first = ast.JoinedStr([first])
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else f"{{{_expression(part)}}}"
            for part in first.values
        )

    def variant(self, text: str) -> tuple[int, ...] | None:
        """Which of the code's alternative texts this is; None: it is none of them."""
        first, *others = _SPLIT.split(text)
        seen = {"": first, **dict(zip(others[::2], others[1::2], strict=True))}
        chosen: list[int] = []
        for label, pattern in self.patterns.items():
            match = re.fullmatch(pattern, seen.get(label, ""))
            if match is None:
                return None
            chosen += [n for n, group in enumerate(match.groups()) if group is not None]
            chosen.append(-1)
        return tuple(chosen)


@dataclass(frozen=True, kw_only=True)
class _Call:
    """A call in the code, and the functions around it."""

    node: ast.Call
    around: tuple[ast.AST, ...]

    @property
    def name(self) -> str:
        """The last part of what is called."""
        target = self.node.func
        return getattr(target, "id", None) or getattr(target, "attr", "")

    @property
    def function(self) -> str:
        names = (n.name for n in self.around if isinstance(n, _Function | ast.ClassDef))
        return ".".join(names) or "(module)"

    @property
    def owner(self) -> _Function | None:
        """The innermost function around it."""
        return next((n for n in reversed(self.around) if isinstance(n, _Function)), None)


class _Module:
    """A file of the product with its calls and its constants."""

    def __init__(self, path: Path) -> None:
        self.file = path.relative_to(HOME).as_posix()
        self.tree = ast.parse(path.read_text())
        self.calls: list[_Call] = []
        self.classes: list[ast.ClassDef] = []
        self._walk(self.tree, ())

    def _walk(self, node: ast.AST, around: tuple[ast.AST, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                self.calls.append(_Call(node=child, around=around))
            elif isinstance(child, ast.ClassDef):
                self.classes.append(child)
            inner = isinstance(child, _Function | ast.ClassDef)
            self._walk(child, (*around, child) if inner else around)

    @cached_property
    def constants(self) -> dict[str, ast.expr]:
        """Names that stand for a text in the whole module."""
        return {
            target.id: statement.value
            for statement in self.tree.body
            if isinstance(statement, ast.Assign)
            and isinstance(statement.value, ast.Constant | ast.JoinedStr | ast.BinOp)
            for target in statement.targets
            if isinstance(target, ast.Name)
        }

    @cached_property
    def imports(self) -> set[str]:
        """Names of what it imports from anywhere, modules' and others'."""
        return {
            name
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
            for name in (alias.name, *(getattr(node, "module", None) or "").split("."))
        }


@dataclass(frozen=True, kw_only=True)
class _Helper:
    """A function that makes an error whose text its callers give."""

    module: _Module
    function: _Function
    error: _Call

    def bound(self, call: ast.Call) -> dict[str, ast.expr]:
        """Parameter → what a call gives for it, or its default."""
        arguments = self.function.args
        names = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
        given = dict(zip(reversed(names), reversed(arguments.defaults), strict=False))
        pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        given |= {a.arg: d for a, d in pairs if d is not None}
        if names[:1] in (["self"], ["cls"]):
            names = names[1:]
        given |= dict(zip(names, call.args, strict=False))
        return given | {k.arg: k.value for k in call.keywords if k.arg}


class _Reader:
    """Reads the whole product for places that make errors."""

    def __init__(self) -> None:
        paths = sorted(p for package in PACKAGES for p in (HOME / package).rglob("*.py"))
        modules = [path for path in paths if not _left_out(path)]
        self._modules = [_Module(path) for path in modules]
        self._kinds = self._exit_codes()

    def places(self) -> Iterator[Place]:
        helpers = self._helpers()
        made = {id(helper.error.node) for helper in helpers}
        for module in self._modules:
            counts: Counter[str] = Counter()
            for call in module.calls:
                if id(call.node) in made:
                    continue
                helper = next((h for h in helpers if _calls(module, call, h)), None)
                if helper is None and not self._is_error(call):
                    continue
                counts[call.function] += 1
                yield Place(
                    file=module.file,
                    function=call.function,
                    number=counts[call.function],
                    exit_code=self._kinds[(helper.error if helper else call).name],
                    call=call.node,
                    raises=helper is not None,
                    patterns=self._patterns(module, call, helper),
                )

    def _is_error(self, call: _Call) -> bool:
        """Whether it makes an error, and not a builtin one around the text of another."""
        if call.name not in self._kinds:
            return False
        if self._kinds[call.name] is not None:
            return True
        return bool(call.node.args) and isinstance(call.node.args[0], ast.Constant | ast.JoinedStr)

    def _exit_codes(self) -> dict[str, int | None]:
        """Exception class → exit code; None of one that no user meets by itself."""
        codes: dict[str, int | None] = {
            **dict.fromkeys(_BUILTIN),
            **{name: getattr(click, name).exit_code for name in _CLICK},
            **{n: exit_codes.map_error(vars(data.errors)[n]("")) for n in _OURS},
        }
        classes = [c for module in self._modules for c in module.classes]
        for _ in range(3):  # of classes derived from classes derived
            for derived in classes:
                bases = [b for base in derived.bases if (b := ast.unparse(base)) in codes]
                if bases and derived.name not in codes:
                    codes[derived.name] = codes[bases[0]]
        return codes

    def _helpers(self) -> list[_Helper]:
        found = []
        for module in self._modules:
            errors = [c for c in module.calls if self._is_error(c) and self._kinds[c.name]]
            alone = Counter(id(c.owner) for c in errors)
            for call in errors:
                owner = call.owner
                if owner and alone[id(owner)] == 1 and _takes_its_text(call.node, owner):
                    found.append(_Helper(module=module, function=owner, error=call))
        return found

    def _patterns(self, module: _Module, call: _Call, helper: _Helper | None) -> dict[str, str]:
        """Label → pattern of the text under it, of those labels that always have one."""
        error, given = call, {}
        if helper:
            outer = _Pattern(module.constants, {})
            given = {name: outer.of(value) for name, value in helper.bound(call.node).items()}
            error, module = helper.error, helper.module
        pattern = _Pattern(module.constants, given)
        found = {"": pattern.of(error.node.args[0])} if error.node.args else {}
        for keyword in error.node.keywords:
            if label := _LABELS.get(keyword.arg or ""):
                found[label] = pattern.of(keyword.value)
        return {label: text for label, text in found.items() if text != _ANY}


@dataclass(frozen=True)
class _Pattern:
    """Regular expressions of what expressions of text can come to.

    Args:
        constants: names of the module that stand for a text.
        given: parameter → pattern of what the caller gives for it.
    """

    constants: Mapping[str, ast.expr]
    given: Mapping[str, str]

    def of(self, node: ast.expr) -> str:
        match node:
            case ast.Constant(value=value):
                return "" if value is None else re.escape(str(value))
            case ast.JoinedStr(values=values):
                return "".join(self.of(value) for value in values)
            case ast.FormattedValue(value=value, format_spec=None, conversion=-1):
                return self.of(value)
            case ast.BinOp(left=left, op=ast.Add(), right=right) if _is_text(left, right):
                return self.of(left) + self.of(right)
            case ast.IfExp(body=body, orelse=orelse):
                return f"(?:({self.of(body)})|({self.of(orelse)}))"
            case ast.Name(id=name) if name in self.given:
                return self.given[name]
            case ast.Name(id=name) if name in self.constants:
                return self.of(self.constants[name])
        return _ANY


def _expression(node: ast.expr) -> str:
    return ast.unparse(node.value if isinstance(node, ast.FormattedValue) else node)


def _is_text(*parts: ast.expr) -> bool:
    """Whether a sum is one of texts, as one of its parts shows."""
    return any(
        isinstance(part, ast.JoinedStr)
        or (isinstance(part, ast.Constant) and isinstance(part.value, str))
        or (isinstance(part, ast.BinOp) and _is_text(part.left, part.right))
        for part in parts
    )


def _left_out(path: Path) -> bool:
    return path.relative_to(HOME).as_posix().startswith(_LEFT_OUT)


def _takes_its_text(error: ast.Call, owner: _Function) -> bool:
    """Whether the text, or what to do, comes from the function's own caller."""
    if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(owner)):
        return False
    arguments = owner.args
    names = {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    texts = [*error.args[:1], *(k.value for k in error.keywords if k.arg in ("expected", "remedy"))]
    return any(isinstance(text, ast.Name) and text.id in names for text in texts)


def _calls(module: _Module, call: _Call, helper: _Helper) -> bool:
    if call.name != helper.function.name:
        return False
    home = Path(helper.module.file).stem
    return module is helper.module or bool(module.imports & {home, call.name})


def error_places() -> list[Place]:
    """Every place of the product that makes an error, in the order of files and of the code."""
    return list(_Reader().places())
