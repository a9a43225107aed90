"""Read and write docs/errors.md: each error of the product with its text as a test provoked it."""

from __future__ import annotations

import itertools
import re
import textwrap
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from error_places import HOME, PACKAGES, Place

PAGE = HOME / "docs/errors.md"
_EXIT_CODES = next((HOME / "docs").rglob("exit-codes.md")).relative_to(HOME / "docs")
# key → why no test provokes the place
NOT_PROVOKED = HOME / "tests/errors_not_provoked.toml"

_HEAD = f"""\
# Errors

Every error that Penstock reports, grouped by package and by exit code. The commands print it on
stderr as `penstock: KIND: TEXT`. [exit-codes.md]({_EXIT_CODES}) says what each exit code means.

Below a text: the file and the function that make it, and the test that provoked this text.
Paths, times and identifiers are examples.

`make errors` generates this page. Do not edit it.
"""
_KINDS = {
    1: "an error without a kind",
    2: "bad config, or bad usage",
    5: "bad data",
    6: "step failed",
    8: "too late",
    75: "environment",
    None: "texts that other errors quote",
}
_ENTRY = re.compile(
    r"^```text\n(?P<text>.*?)\n```\n\n"
    r"`(?P<file>\S+)`\s`(?P<function>\S+)`(?:\s\((?P<number>\d+)\))?,"
    r"\sin\s`(?P<test>[^`]+)`\sof\s`(?P<tests>[^`]+)`$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True, order=True)
class Example:
    """A text that a place made, and the test that provoked it."""

    key: str
    test: str  # file::function
    text: str


def read_page() -> list[Example]:
    """The examples of the page as it is committed."""
    if not PAGE.exists():
        return []
    return [
        Example(
            key=f"{m['file']} {m['function']} {m['number'] or 1}",
            test=f"{m['tests']}::{m['test']}",
            text=m["text"],
        )
        for m in _ENTRY.finditer(PAGE.read_text())
    ]


def read_reasons() -> dict[str, str]:
    """Key of a place that no test provokes → why."""
    return tomllib.loads(NOT_PROVOKED.read_text()) if NOT_PROVOKED.exists() else {}


def render(places: Iterable[Place], examples: Iterable[Example], reasons: Mapping[str, str]) -> str:
    """The whole page."""
    by_key: dict[str, list[Example]] = {}
    for example in examples:
        by_key.setdefault(example.key, []).append(example)
    return "\n".join([_HEAD, *_sections(list(places), by_key), *_not_provoked(places, reasons)])


def _sections(places: list[Place], examples: Mapping[str, list[Example]]) -> Iterator[str]:
    def group(place: Place) -> tuple[int, int]:
        return PACKAGES.index(place.package), place.exit_code or 999

    shown = sorted((p for p in places if p.key in examples), key=group)
    for package, ours in itertools.groupby(shown, key=lambda place: place.package):
        yield f"## {package}\n"
        for code, alike in itertools.groupby(ours, key=lambda place: place.exit_code):
            yield f"### {package}, {_title(code)}\n"
            for place in alike:
                yield from (_entry(place, example) for example in examples[place.key])


def _title(code: int | None) -> str:
    return _KINDS[code] if code is None else f"exit code {code}: {_KINDS[code]}"


def _entry(place: Place, example: Example) -> str:
    number = f" ({place.number})" if place.number > 1 else ""
    file, _, test = example.test.partition("::")
    source = f"`{place.file}` `{place.function}`{number}, in `{test}` of `{file}`"
    return f"```text\n{example.text}\n```\n\n{_wrapped(source)}\n"


def _not_provoked(places: Iterable[Place], reasons: Mapping[str, str]) -> Iterator[str]:
    yield "## Not provoked by a test\n"
    for place in places:
        if place.key in reasons:
            number = f" ({place.number})" if place.number > 1 else ""
            yield f"```text\n{place.summary}\n```\n"
            yield (
                _wrapped(f"`{place.file}` `{place.function}`{number}: {reasons[place.key]}") + "\n"
            )


def _wrapped(line: str) -> str:
    return textwrap.fill(line, 100, break_long_words=False, break_on_hyphens=False)
