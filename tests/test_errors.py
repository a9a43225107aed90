"""docs/errors.md holds every place in the code that makes an error, with a text of today's code."""

from __future__ import annotations

import ast
from functools import cache

import collect_errors
import pytest
from error_page import NOT_PROVOKED, PAGE, read_page, read_reasons, render
from error_places import HOME, Place, error_places

AGAIN = "run `make errors`"


@cache
def places() -> list[Place]:
    return error_places()


def test_every_place_is_on_the_page_or_has_a_reason():
    there = {place.key for place in places()}
    shown, reasons = {example.key for example in read_page()}, set(read_reasons())
    assert sorted(there - shown - reasons) == [], f"{AGAIN}: new places"
    assert sorted(shown - there) == [], f"{AGAIN}: places that are gone"
    assert sorted(reasons - there) == [], f"{NOT_PROVOKED.name}: places that are gone"
    assert sorted(reasons & shown) == [], f"{NOT_PROVOKED.name}: a test provokes these"


def test_each_text_fits_the_code_that_makes_it():
    by_key = {place.key: place for place in places()}
    other = [
        e.key for e in read_page() if e.key in by_key and by_key[e.key].variant(e.text) is None
    ]
    assert not other, f"{AGAIN}: the code says something else"


def test_the_page_is_as_it_was_generated():
    assert render(places(), read_page(), read_reasons()) == PAGE.read_text(), AGAIN


def test_each_test_on_the_page_exists():
    sources = {file: (HOME / file).read_text() for file in {_file(e.test) for e in read_page()}}
    gone = [
        example.test
        for example in read_page()
        if f"def {example.test.rpartition('::')[2]}(" not in sources[_file(example.test)]
    ]
    assert not gone, AGAIN


def _file(test: str) -> str:
    return test.partition("::")[0]


def test_a_module_that_records_its_errors_is_the_same_code():
    by_file: dict[str, list[Place]] = {}
    for place in places():
        by_file.setdefault(place.file, []).append(place)
    for file, ours in by_file.items():
        if not any(place.raises for place in ours):
            continue  # the others are of the simpler kind, and so many that it takes a second
        source = (HOME / file).read_text()
        recording = collect_errors.instrument(source, ours)
        assert len(recording.splitlines()) == len(source.splitlines())
        assert ast.dump(_without_recording(ast.parse(recording))) == ast.dump(ast.parse(source))


class _WithoutRecording(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id.startswith("record_error"):
            made = node.args[1]
            return made.body if isinstance(made, ast.Lambda) else made
        return node


def _without_recording(tree: ast.Module) -> ast.Module:
    tree.body = [
        statement
        for statement in tree.body
        if not (isinstance(statement, ast.ImportFrom) and statement.names[0].name == "record_error")
    ]
    return _WithoutRecording().visit(tree)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("no split 'tset'\n  do:       did you mean 'test'?", True),
        ("no split 'tset'", True),  # what did_you_mean gives is any text
        ("there is no split 'tset'\n  do:       did you mean 'test'?", False),
    ],
)
def test_a_text_is_held_against_the_code(text, fits):
    call = ast.parse('ConfigError(f"no split {split!r}", remedy=did_you_mean(split, known))')
    place = Place(
        file="data/x.py",
        function="f",
        number=1,
        exit_code=2,
        call=call.body[0].value,
        raises=False,
        patterns={"": r"no\ split\ [^\0]*?"},
    )
    assert (place.variant(text) is not None) == fits
