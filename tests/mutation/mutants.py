"""Mutants of the lines that decide: made by cosmic-ray's operators, drawn by a seed.

Left out, because no test can or should tell them: annotations, decorators, `is` for `==`, and the
words of errors, logs and progress. Left out as well, because a TypeError would only flatter the
count: a `/` that joins paths, and operators of bits for those of numbers.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import parso
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.operators.provider import OperatorProvider

_WORDS = {"print", "progress", "_progress", "told"} | {
    *("BadDataError", "ConfigError", "EnvironmentTrouble", "StepError", "PenstockError"),
    *("_changed", "_wrong", "_nothing", "_log", "warning"),
}
_Place = tuple[int, int]  # line from 1, column from 0
_ARITHMETIC = (
    *("metrics.py", "intervals.py", "paired_loss.py", "rule_outcomes.py", "slices.py"),
    *("answers.py", "auc.py", "cells.py", "counts.py"),
)


class CallRemover(Operator):
    """Leaves out a call whose result nobody uses, such as a check: cosmic-ray has none for it."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        if node.type == "simple_stmt" and _is_call(node.children[0]):
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        call = node.children[0]
        place = parso.python.tree.Keyword("pass", call.start_pos, call.get_first_leaf().prefix)
        place.parent = node
        node.children[0] = place
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (Example("check(x)\n", "pass\n"),)


def _is_call(node: Any) -> bool:
    if node.type not in ("atom_expr", "power"):
        return False
    last = node.children[-1]
    return last.type == "trailer" and last.children[0].value == "("


# RemoveDecorator: of a dataclass or a cache, only speed or style. Variable…: name a variable each.
_LEFT_OUT = re.compile(
    "RemoveDecorator|Variable(Replacer|Inserter)"
    "|ReplaceComparisonOperator_(Eq|NotEq|Lt|LtE|Gt|GtE)_Is(Not)?"  # for numbers and words
    "|ReplaceBinaryOperator_(Add|Sub|Mul|Div|FloorDiv|Mod|Pow)_(LShift|RShift|Bit.*)"  # of floats
)
_OPERATORS: dict[str, Operator] = {
    **{n: OperatorProvider()[n]() for n in OperatorProvider() if not _LEFT_OUT.fullmatch(n)},
    "CallRemover": CallRemover(),
}


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A change of one place; `was` and `becomes` are the changed lines in one."""

    area: str
    file: str  # relative to the repository
    line: int
    function: str
    operator: str
    was: str
    becomes: str
    text: str  # of the whole file, changed

    @property
    def key(self) -> tuple[str, str, str]:
        """What names it though lines above it come and go."""
        return self.function, self.was, self.becomes


def by_hand(home: Path, *, what: str, area: str, file: str, was: str, becomes: str) -> Mutant:
    """A mutant that somebody wrote; `was` must stand in the file once."""
    text = (home / file).read_text(encoding="utf-8")
    assert text.count(was) == 1, f"{file} has not once: {was}"
    line = text[: text.index(was)].count("\n") + 1
    return Mutant(
        area=area,
        file=file,
        line=line,
        function=_function(ast.parse(text), line),
        operator=what,
        was=" ".join(was.split()),
        becomes=" ".join(becomes.split()),
        text=text.replace(was, becomes),
    )


def draw(home: Path, area: str, files: Sequence[str], number: int, seed: int) -> list[Mutant]:
    """So many mutants of an area, of each file as many, no two of one place.

    The same again for the same seed. Places are ranked by a digest of the seed and of the line's
    own words, so that a change of the code changes the draw where it changes the code.
    """
    each = [_ranked(home, area, file, seed) for file in files]
    turns = itertools.zip_longest(*each)  # the first of each file, then the second of each, …
    found = (mutant for turn in turns for mutant in turn if mutant is not None)
    return list(itertools.islice(found, number))


def _ranked(home: Path, area: str, file: str, seed: int) -> Iterator[Mutant]:
    """One mutant of each place in a file that has any."""
    text = (home / file).read_text(encoding="utf-8")
    tree, lines = ast.parse(text), text.splitlines()

    def rank(*words: object) -> str:
        return hashlib.sha256(repr((seed, *words)).encode()).hexdigest()

    def name(place: _Place) -> tuple[str, str, int]:
        line, column = place
        return _function(tree, line), lines[line - 1].strip(), column

    places = _places(text, tree, file)
    for place in sorted(places, key=lambda place: rank(*name(place))):
        for operator, occurrence in sorted(places[place], key=lambda o: rank(*name(place), *o[:1])):
            changed = mutate_code(text, _OPERATORS[operator], occurrence)
            if changed is not None and _compiles(changed):
                was, becomes = _difference(text, changed)
                yield Mutant(
                    area=area,
                    file=file,
                    line=place[0],
                    function=_function(tree, place[0]),
                    operator=operator,
                    was=was,
                    becomes=becomes,
                    text=changed,
                )
                break


def _places(text: str, tree: ast.AST, file: str) -> dict[_Place, list[tuple[str, int]]]:
    """Place → operators that can change it, each with the number of its turn there."""
    quiet = list(_quiet(tree))
    sums = [_range(node) for node in ast.walk(tree) if isinstance(node, ast.BinOp)]
    nodes = list(ast_nodes(get_ast(text)))
    found: dict[_Place, list[tuple[str, int]]] = {}
    for name, operator in _OPERATORS.items():
        if name.startswith("ReplaceBinaryOperator_Div_") and not file.endswith(_ARITHMETIC):
            continue
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for occurrence, place in enumerate(places):
            # the * of a signature is none of its operators
            stray = name.startswith("ReplaceBinaryOperator_") and not _within(place, sums)
            if not stray and not _within(place, quiet):
                found.setdefault(place[0], []).append((name, occurrence))
    return found


def _within(place: tuple[_Place, _Place], ranges: list[tuple[_Place, _Place]]) -> bool:
    return any(first <= place[0] and place[1] <= last for first, last in ranges)


def _range(node: Any) -> tuple[_Place, _Place]:
    """From where to where; columns are of bytes, which are those of characters in ASCII."""
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def _quiet(tree: ast.AST) -> Iterator[tuple[_Place, _Place]]:
    """From where to where nothing is mutated."""
    for node in ast.walk(tree):
        found: list[Any] = []
        if isinstance(node, ast.AnnAssign | ast.arg):
            found = [node.annotation]
        elif isinstance(node, ast.FunctionDef):
            found = [node.returns, *node.decorator_list]
        elif isinstance(node, ast.ClassDef):
            found = node.decorator_list
        elif isinstance(node, ast.keyword) and node.arg == "nullable":
            found = [node]  # of a column: a second guard behind the types
        elif (
            isinstance(node, ast.Raise | ast.JoinedStr)
            or (isinstance(node, ast.Call) and _called(node) in _WORDS)
            or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        ):
            found = [node]
        for one in found:
            if one is not None:
                yield _range(one)


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _compiles(text: str) -> bool:
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _difference(old: str, new: str) -> tuple[str, str]:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm=""))[2:]

    def joined(sign: str) -> str:
        return " ".join(" ".join(line[1:] for line in lines if line[0] == sign).split())

    return joined("-"), joined("+")


def _function(tree: ast.AST, line: int) -> str:
    """The innermost function or class around a line, by its dotted name; "" at the top level."""
    found: list[str] = []
    inside: ast.AST | None = tree
    while inside is not None:
        around = [
            node
            for node in ast.walk(inside)
            if node is not inside
            and isinstance(node, ast.FunctionDef | ast.ClassDef)
            and node.lineno <= line <= (node.end_lineno or 0)
        ]
        inside = around[0] if around else None
        if around:
            found.append(around[0].name)
    return ".".join(found)
