"""`make errors`: provoke every error by the tests and write docs/errors.md.

The tests run on a copy of the checkout in which each place that makes an error also writes down its
text, so that subprocesses and workers count. The tests that the page names run first, then those
that mirror the modules whose errors are still missing; with --all, every test of `make test`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from error_page import NOT_PROVOKED, PAGE, Example, read_page, read_reasons, render
from error_places import HOME, Place, error_places

from data.base.visible_text import escape_controls

_IMPORT = "; from data.errors import record_error, record_error_of"
_RECORDER = '''

def record_error(key, error):
    """Write down where an error was made, its text, and the test that runs."""
    import os

    text = error.format_message() if hasattr(error, "format_message") else str(error)
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
    line = json.dumps({"key": key, "text": text, "test": test})
    if (key, test, text) not in _RECORDED and len(_RECORDED) < 5000:
        _RECORDED.add((key, test, text))
        try:
            file = os.open(RECORDS, os.O_WRONLY | os.O_APPEND)
        except OSError:  # as another user, or without file descriptors
            return error
        os.write(file, (line + "\\n").encode())
        os.close(file)
    return error


def record_error_of(key, make):
    """As `record_error`, of a function that returns the error or raises it."""
    try:
        made = make()
    except Exception as error:
        record_error(key, error)
        raise
    return record_error(key, made) if isinstance(made, Exception) else made


_RECORDED = set()
RECORDS = {records!r}
'''


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="run every test of `make test`")
    parser.add_argument("--workers", default="2", help="processes that run tests")
    parser.add_argument("tests", nargs="*", help="more test files to run")
    options = parser.parse_args()
    started, places, committed = time.monotonic(), error_places(), read_page()
    reasons = read_reasons()
    with tempfile.TemporaryDirectory(
        prefix="penstock-errors-", ignore_cleanup_errors=True
    ) as folder:
        copy = _Copy(Path(folder), places, workers=options.workers)
        if options.all:
            copy.run_tests(["tests"], "not torture and not runners")
        else:
            copy.run_tests([*_named(committed), *options.tests], "not torture")
            if missing := _missing(places, copy.examples(), reasons):
                copy.run_tests(_mirrors(missing), "not slow and not torture and not runners")
        examples = copy.examples()
    chosen = list(_choose(places, examples, committed, copy.seconds))
    PAGE.write_text(render(places, chosen, reasons))
    missing = _missing(places, chosen, reasons)
    for key in sorted(reasons.keys() - {place.key for place in places}):
        print(f"{NOT_PROVOKED.name} names a place that is gone: {key}")
    for key in sorted(reasons.keys() & {example.key for example in chosen}):
        print(f"{NOT_PROVOKED.name} names a place that a test provokes: {key}")
    for place in missing:
        print(f"no test that ran provokes {place.key}: {place.summary}")
    count = len({example.key for example in chosen})
    print(
        f"{PAGE.relative_to(HOME)}: {count} of {len(places)} places, {len(reasons)} with a reason,"
        f" {len(missing)} missing, in {time.monotonic() - started:.0f} s"
    )
    if missing:
        print("provoke them in a test, or give the reason in tests/errors_not_provoked.toml;")
        print("where a test that is there provokes them: make errors ARGS='--all', or ARGS=tests/…")
    return 1 if missing else 0


class _Copy:
    """A copy of the checkout that writes down the errors that it makes."""

    def __init__(self, folder: Path, places: Iterable[Place], *, workers: str) -> None:
        folder.chmod(0o755)  # tests give up root's rights
        self.seconds: dict[str, float] = {}
        self._folder, self._workers = folder, workers
        self._home = folder / "penstock"
        self._records = folder / "records"
        self._records.touch()
        self._records.chmod(0o666)
        _copy_checkout(self._home)
        by_file: dict[str, list[Place]] = {}
        for place in places:
            by_file.setdefault(place.file, []).append(place)
        for file, ours in by_file.items():
            path = self._home / file
            path.write_text(instrument(path.read_text(), ours))
        with (self._home / "data/errors.py").open("a") as errors:
            errors.write(_RECORDER.replace("{records!r}", repr(str(self._records))))

    def run_tests(self, tests: Sequence[str], marks: str = "") -> None:
        """Run test files, or tests of them; failures are those of the copy, and do not matter."""
        tests = [test for test in tests if (self._home / test.partition("::")[0]).exists()]
        if not tests:
            return
        report = self._folder / "report.xml"
        marked = ("-m", marks) if marks else ()
        command = [
            *(sys.executable, "-m", "pytest", "-q", "--no-header", "-r", "N", "--tb", "no"),
            *("-n", self._workers, "--dist", "loadfile", "--no-loadscope-reorder"),
            *("-p", "no:cacheprovider", "--basetemp", str(self._folder / "t")),
            *(f"--junit-xml={report}", "-o", "junit_family=xunit1", *marked, *tests),
        ]
        beside = os.environ.get("PENSTOCK_TEST_DATA", str(HOME.parent / "shared/data"))
        environment = {"PYTHONPATH": str(self._home), "PENSTOCK_TEST_DATA": beside}
        subprocess.run(command, cwd=self._home, env={**os.environ, **environment}, check=False)
        self.seconds |= _seconds(report)

    def examples(self) -> list[Example]:
        """What was written down so far, each once, in order."""
        told = [json.loads(line) for line in self._records.read_text().splitlines()]
        return sorted(
            {
                Example(
                    key=record["key"],
                    test=record["test"].partition("[")[0],
                    text=self._plain(record["text"]),
                )
                for record in told
                if record["test"]
            }
        )

    def _plain(self, text: str) -> str:
        """A text in which nothing tells of this run or machine."""
        base = rf"{re.escape(str(self._folder))}/t(?:/popen-gw\d+)?"
        temporary = rf"{base}(?:/[^/\s'\"]+?\d+(?=[/\s'\":;,)]|$))?"
        for pattern, plain in (
            (temporary, "/tmp/test"),
            (re.escape(str(self._home)), "/penstock"),
            (r"/tmp/(?!test)[^\s'\"/]+", "/tmp/test"),
            (re.escape(sys.prefix), "/penstock/.venv"),
            (re.escape(sys.base_prefix), "/usr"),
            (rf"\b{re.escape(socket.gethostname())}\b", "host"),
            (r"((?:127\.0\.0\.1|localhost|%5D):)\d+", r"\g<1>8099"),
            (r"\b(pid|process) \d+", r"\1 1234"),
            (r"\b\d{8}-\d{6}-([a-z][\w-]*)-[0-9a-f]{4}\b", r"20261126-120000-\1-1a2b"),
            (r"\bBeamApp-\S+", "BeamApp-1"),
            (r"\b1[6-9]\d{8}\.\d+", "1764158400.0"),
            (r"\b20\d\d-\d\d-\d\d([T ])\d\d:\d\d(:\d\d)?(\.\d+)?", r"2026-11-26\g<1>12:00\2"),
            (r"0x[0-9a-f]{6,}", "0x7f0000000000"),
            (r"\b[0-9a-f]{40,}\b", lambda m: ("0123456789abcdef" * 8)[: len(m[0])]),
        ):
            text = re.sub(pattern, plain, text)
        return escape_controls(text)


def instrument(source: str, places: Iterable[Place]) -> str:
    """A module's source in which its places record what they make; lines keep their numbers."""
    lines = source.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    insertions: list[tuple[int, int, bytes]] = []
    for place in places:
        call = place.call
        begin = starts[call.lineno - 1] + call.col_offset
        end = starts[(call.end_lineno or 0) - 1] + (call.end_col_offset or 0)
        recorder = (
            f"record_error_of({place.key!r}, lambda: "
            if place.raises
            else (f"record_error({place.key!r}, ")
        )
        insertions += [(begin, 1, recorder.encode()), (end, 0, b")")]
    code = source.encode()
    for offset, _, text in sorted(insertions, reverse=True):
        code = code[:offset] + text + code[offset:]
    future = b"from __future__ import annotations"
    assert future in code, "a module that makes errors begins with this line"
    return code.replace(future, future + _IMPORT.encode(), 1).decode()


def _copy_checkout(target: Path) -> None:
    """Copy what git tracks, and what is new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=HOME,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (HOME / name).exists():  # one that was just deleted is still listed
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(HOME / name, target / name)


def _named(committed: Iterable[Example]) -> list[str]:
    """The tests that the page names, wherever they are now; the whole file where one is gone."""
    files: dict[str, list[str]] = {}
    for path in sorted((HOME / "tests").rglob("test_*.py")):
        for name in re.findall(r"^ *def (test_\w+)\(", path.read_text(), re.MULTILINE):
            files.setdefault(name, []).append(path.relative_to(HOME).as_posix())
    wanted: set[str] = set()
    for example in committed:
        file, _, test = example.test.partition("::")
        homes = files.get(test.rpartition("::")[2], [])
        if file in homes:
            wanted.add(example.test)
        else:
            wanted.add(f"{homes[0]}::{test}" if homes else file)
    return sorted(wanted)


def _missing(
    places: Iterable[Place], examples: Iterable[Example], reasons: Collection[str]
) -> list[Place]:
    provoked = {example.key for example in examples}
    return [place for place in places if place.key not in provoked and place.key not in reasons]


def _mirrors(missing: Iterable[Place]) -> list[str]:
    """The test files of the modules that made none of these errors, else of their folder."""
    files: dict[str, None] = {}
    for place in missing:
        folder, _, name = f"tests/{place.file}".rpartition("/")
        for pattern in (f"test_{name}", f"test_*{name}", "test_*.py"):
            if matches := sorted((HOME / folder).glob(pattern)):
                files |= {path.relative_to(HOME).as_posix(): None for path in matches}
                break
    return list(files)


def _choose(
    places: Iterable[Place],
    examples: Iterable[Example],
    committed: Collection[Example],
    seconds: dict[str, float],
) -> Iterator[Example]:
    """Of each place one example for each of its alternative texts; committed ones stay."""
    by_key: dict[str, list[Example]] = {}
    for example in examples:
        by_key.setdefault(example.key, []).append(example)
    kept, tests = set(committed), {(example.key, example.test) for example in committed}
    for place in places:

        def rank(example: Example, place: Place = place) -> tuple[object, ...]:
            return (
                example not in kept,
                (example.key, example.test) not in tests,
                seconds.get(example.test, 0.0) > 3,
                not example.test.startswith(f"tests/{place.file.rpartition('/')[0]}"),
                len(example.text) > 1000,
                example,
            )

        variants: dict[tuple[int, ...] | None, Example] = {}
        for example in sorted(by_key.get(place.key, []), key=rank):
            variants.setdefault(place.variant(example.text), example)
        if None in variants:
            print(f"does not fit the code: {place.key}: {variants.pop(None).text}")
        yield from sorted(variants.values())


def _seconds(report: Path) -> dict[str, float]:
    """Test → the longest that one of its cases took."""
    import xml.etree.ElementTree as ElementTree

    seconds: dict[str, float] = {}
    if report.exists():
        for case in ElementTree.parse(report).iter("testcase"):
            test = f"{case.get('file')}::{(case.get('name') or '').partition('[')[0]}"
            seconds[test] = max(seconds.get(test, 0.0), float(case.get("time") or 0))
    return seconds


if __name__ == "__main__":
    sys.exit(main())
