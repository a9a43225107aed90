"""A campaign: `python tests/mutation/campaign.py`, each mutant on the tests that hold its area.

A mutant is killed where a test fails, or takes too long. Files are changed in copies of the
repository only. What survives must stand in `survivors.toml` with the reason.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mutants

HERE = Path(__file__).parent
HOME = HERE.parents[1]
SEED = 12
_PLAN = tomllib.loads((HERE / "campaign.toml").read_text(encoding="utf-8"))
AREAS: dict[str, int] = _PLAN["mutants"]  # area → how many
TESTS: dict[str, list[str]] = {  # file → the tests that hold it
    file: group["tests"] for group in _PLAN["group"] for file in group["files"]
}
LEAST = 0.85  # share that must be killed

# A busy machine must kill no mutant: a loop is recognised by CPU time, not by the clock.
_MOST = (
    600  # seconds of the processor for the tests of a file; of a mutant, three times what it took
)
_COPIED = ("components", "data", "docs", "pipeline", "serving_export", "tests", "pyproject.toml")
# Loaded once, before a worker forks; all but the first take seconds.
_LIGHT = (
    "hypothesis",
    "numpy",
    "scipy.stats",
    "scipy.optimize",
    "sqlalchemy",
    "cattrs",
    "filelock",
)
_HEAVY = (
    *("tensorflow", "keras", "apache_beam", "tensorflow_transform.beam", "tfx_bsl.public.tfxio"),
    *("tensorflow_model_analysis", "tensorflow_datasets", "sklearn.datasets", "sklearn.metrics"),
    *("rich.console", "rich.live", "click", "cronsim", "PIL.Image", "matplotlib.figure", "jinja2"),
)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What the tests said of a mutant."""

    mutant: mutants.Mutant
    killed: bool
    timeout: bool
    seconds: float
    said: str  # the end of what pytest printed


def run(
    asked: Sequence[tuple[mutants.Mutant, list[str]]], *, workers: int, heavy: bool = True
) -> Iterator[Result]:
    """Run tests on mutants; the results, in the order in which they come.

    Raises:
        SystemExit: the tests fail without any mutant, or do not run on one.
    """
    jobs: queue.Queue[dict[str, Any] | None] = queue.Queue()
    answers: queue.Queue[dict[str, Any]] = queue.Queue()

    def work() -> None:
        try:
            with _worker(heavy) as ask:
                while job := jobs.get():
                    answers.put({**job, **ask(job)})
        except Exception:
            answers.put({"code": None, "said": traceback.format_exc()})

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    try:
        limits = {}
        # First without any mutant: the tests must pass, and show how much they work.
        whole = {tuple(sorted(tests)) for _, tests in asked}
        for tests in sorted(whole, key=lambda tests: -len(tests)):
            jobs.put({"file": None, "tests": tests, "limit": _MOST})
        for _ in whole:
            answer = answers.get()
            if answer["code"] != 0:
                raise SystemExit(f"tests fail without any mutant:\n{answer['said']}")
            limits[tuple(sorted(answer["tests"]))] = 30 + 3 * int(answer["work"])
        for place, (mutant, tests) in enumerate(asked):
            limit = limits[tuple(sorted(tests))]
            job = {"file": mutant.file, "text": mutant.text, "tests": tests, "limit": limit}
            jobs.put({**job, "place": place})
        for _ in asked:
            answer = answers.get()
            if answer["code"] in (None, 5):
                raise SystemExit(f"no test runs:\n{answer['said']}")
            yield Result(
                mutant=asked[answer["place"]][0],
                killed=answer["code"] != 0,
                timeout=answer["timeout"],
                seconds=answer["seconds"],
                said=answer["said"],
            )
    finally:
        with contextlib.suppress(queue.Empty):
            while True:
                jobs.get_nowait()
        for _ in threads:
            jobs.put(None)
        for thread in threads:
            thread.join()


def tests_of(mutant: mutants.Mutant) -> list[str]:
    """The tests that hold its file, those of the same name first."""
    mirror = f"/test_{Path(mutant.file).name}"
    return sorted(TESTS[mutant.file], key=lambda test: not test.endswith(mirror))


@contextmanager
def _worker(heavy: bool) -> Iterator[Any]:
    """A function that hands a job to a worker on a copy of the repository, and waits."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        Path(folder).chmod(0o755)  # some tests drop the right to look into all folders
        copy = Path(folder, "copy")
        for name in _COPIED:
            if (HOME / name).is_dir():
                shutil.copytree(
                    HOME / name, copy / name, ignore=shutil.ignore_patterns("__pycache__")
                )
            else:
                shutil.copyfile(HOME / name, copy / name)
        # The compiled files say which content they are of: a mutant may be of the same size and
        # second as the original.
        compiling = ("-m", "compileall", "-q", "--invalidation-mode", "checked-hash", ".")
        subprocess.run([sys.executable, *compiling], cwd=copy, check=True)
        libraries = _LIGHT + _HEAVY if heavy else _LIGHT
        with subprocess.Popen(
            [sys.executable, copy / "tests" / "mutation" / "worker.py", *libraries],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy), "TF_CPP_MIN_LOG_LEVEL": "2"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin
            assert process.stdout
            stdin, stdout = process.stdin, process.stdout

            def ask(job: dict[str, Any]) -> dict[str, Any]:
                stdin.write(json.dumps(job) + "\n")
                stdin.flush()
                answer: dict[str, Any] = json.loads(stdout.readline())
                return answer

            try:
                yield ask
            finally:
                stdin.close()


def reasons() -> dict[tuple[str, str, str], str]:
    """Survivor → why it lives."""
    listed = tomllib.loads((HERE / "survivors.toml").read_text(encoding="utf-8"))["survivor"]
    return {(one["function"], one["was"], one["becomes"]): one["why"] for one in listed}


def table(results: Iterable[Result]) -> str:
    """Area by area: mutants, killed, of them by a timeout, survived."""
    rows = [f"{'area':16}{'mutants':>9}{'killed':>9}{'timeouts':>10}{'survived':>10}"]
    of = {area: [r for r in results if r.mutant.area == area] for area in AREAS}
    for area, its in {**of, "all": list(itertools.chain(*of.values()))}.items():
        killed, late = sum(r.killed for r in its), sum(r.timeout for r in its)
        rows.append(f"{area:16}{len(its):9}{killed:9}{late:10}{len(its) - killed:10}")
    return "\n".join(rows)


def words(result: Result) -> str:
    """A mutant, for a person to find it."""
    m = result.mutant
    where = f"{m.file}:{m.line} in {m.function or 'the module'}, {m.operator}"
    return f"{where}\n  - {m.was}\n  + {m.becomes}"


def main() -> None:
    """Print each result as it comes, then the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--area", action="append", choices=AREAS, help="only these")
    parser.add_argument("--list", action="store_true", help="draw, and run nothing")
    parser.add_argument("--said", action="store_true", help="show what the tests said")
    asked = parser.parse_args()
    begun, drawn = time.monotonic(), draw(asked.seed, asked.area or AREAS)
    if asked.list:
        for mutant in drawn:
            print(words(Result(mutant=mutant, killed=False, timeout=False, seconds=0, said="")))
        return
    results = []
    for result in run([(mutant, tests_of(mutant)) for mutant in drawn], workers=asked.workers):
        results.append(result)
        state = "timeout" if result.timeout else "killed" if result.killed else "SURVIVED"
        print(f"{len(results)} {state} {result.seconds} s {words(result)}", flush=True)
        if asked.said:
            print(result.said, flush=True)
    print(f"seed {asked.seed}, {time.monotonic() - begun:.0f} s", table(results), sep="\n")
    known = reasons()
    for result in results:
        if not result.killed:
            print(words(result), known.get(result.mutant.key, "NOT LISTED"), sep="\n  ")


def named() -> list[tuple[mutants.Mutant, str]]:
    """The mutants of `named.toml`, each with the test that must kill it."""
    listed = tomllib.loads((HERE / "named.toml").read_text(encoding="utf-8"))["mutant"]
    return [
        (mutants.by_hand(HOME, **{k: one[k] for k in one if k != "test"}), one["test"])
        for one in listed
    ]


def draw(seed: int, areas: Iterable[str] = AREAS) -> list[mutants.Mutant]:
    """The mutants of a campaign: those that are named, then those drawn."""
    by_hand = [mutant for mutant, _ in named() if mutant.area in areas]
    files = {
        area: [f for group in _PLAN["group"] if group["area"] == area for f in group["files"]]
        for area in areas
    }
    return by_hand + [
        mutant
        for area in areas
        for mutant in mutants.draw(HOME, area, files[area], AREAS[area], seed)
    ]


if __name__ == "__main__":
    main()
