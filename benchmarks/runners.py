"""Measure the same work on each runner: `python benchmarks/runners.py speed|growth|orchestrators`.

speed           MNIST's ingest and evaluation (candidate only, 11 slices), seconds from submission
                to result: in-process, job service, Prism, Spark, Flink with 1 and 2 TaskManagers;
                on a fresh runner and again; needs --path, the folder of the four IDX files
growth          60,000 and 600,000 synthetic images through ingest on Flink with two TaskManagers
                and in-process: seconds, and the peak memory of the process in which workers run
orchestrators   the whole digits pipeline, walked here and by Beam

Runners are those that `make runners` fetched; workers are threads of this process (LOOPBACK).
`--only flink` leaves out all others.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest import peak_mib
from timing import HOME

sys.path.append(f"{HOME}/tests/support")
import clusters

from components import ingest
from components.context import Context
from components.evaluate.measure.counts import CANDIDATE
from pipeline import recipes
from pipeline.config.overrides import apply_settings
from pipeline.run import run

IN_PROCESS = ("--runner=FnApiRunner",)
_SIZES = (60_000, 600_000)


@contextlib.contextmanager
def started(name: str, folder: Path) -> Iterator[Any]:
    """Start a runner of `clusters`; None: in this process."""
    if name == "in-process":
        yield None
        return
    kind, _, managers = name.partition(" ")
    more = {"task_managers": int(managers)} if managers else {}
    with getattr(clusters, kind)(folder / name.replace(" ", "-"), **more) as runner:
        yield runner


def flags_of(runner: Any) -> tuple[str, ...]:
    return runner.args if runner else IN_PROCESS


def speed(path: Path, only: str, folder: Path) -> None:
    from components.evaluate.measure.model_analysis import measure

    settings = ["ingest.source=idx", f"ingest.path={path}", "train.epochs=1"]
    pipeline = apply_settings(recipes.build("mnist"), settings)
    made = run(pipeline, root=folder / "root", last="train").outputs
    examples, model = made["ingest"].examples, made["train"].model
    config = pipeline.step("ingest").config

    def seconds(step: str, runner: Any) -> float:
        out = Path(tempfile.mkdtemp(dir=folder))
        context = Context(output_dir=out, beam_args=flags_of(runner))
        begun = time.perf_counter()
        if step == "ingest":
            ingest.run(ingest.Inputs(), config, context)
        else:
            bundles = {CANDIDATE: model.bundle}
            _, slices = measure(examples, "test", bundles, context, slices=("label",))
            assert len(slices) == 10
        return time.perf_counter() - begun

    print(f"{'runner':<12} {'round':<6} {'ingest':>8} {'evaluate':>9} {'both':>7}  Flink's tasks")
    for name in ("in-process", "job_service", "prism", "spark", "flink 1", "flink 2"):
        if only not in name:
            continue
        with started(name, folder) as runner:
            for number in ("first", "again"):
                took = [seconds(step, runner) for step in ("ingest", "evaluate")]
                tasks = _tasks(runner) if "flink" in name else ""
                both = f"{took[0]:8.1f} {took[1]:9.1f} {sum(took):7.1f}"
                print(f"{name:<12} {number:<6} {both}  {tasks}", flush=True)


def _tasks(flink: Any) -> str:
    """Count the operators that Flink made of the last two jobs' stages, parallel ones each."""
    jobs = sorted(flink.ask("/jobs/overview")["jobs"], key=lambda job: job["start-time"])
    return " + ".join(str(job["tasks"]["total"]) for job in jobs[-2:])


def growth(only: str) -> None:
    for name in ("in-process", "flink 2"):
        if only not in name:
            continue
        for size in _SIZES:
            command = [sys.executable, __file__, "ingest", "--only", name, "--size", str(size)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            print(done.stdout.strip(), flush=True)


def ingest_synthetic(name: str, size: int, folder: Path) -> None:
    """Measure one size on one runner, in a process of its own."""
    config = ingest.Config(source="ingest:Synthetic", options={"train": size})
    with started(name, folder) as runner:
        out = Path(tempfile.mkdtemp(dir=folder))
        begun = time.perf_counter()
        ingest.run(ingest.Inputs(), config, Context(output_dir=out, beam_args=flags_of(runner)))
        seconds = time.perf_counter() - begun
    print(f"{name:<12} {size:>8,} images {seconds:7.1f} s {peak_mib():7.0f} MiB")


def orchestrators(folder: Path) -> None:
    pipeline: Any = recipes.build("digits")
    run(pipeline, root=folder / "warm")  # imports and caches are not what is compared
    for number in range(2):
        for orchestrator in ("local", "beam"):
            begun = time.perf_counter()
            run(pipeline, root=folder / f"{orchestrator}-{number}", orchestrator=orchestrator)
            print(f"{orchestrator:<6} {time.perf_counter() - begun:6.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["speed", "growth", "orchestrators", "ingest"])
    parser.add_argument("--path", type=Path, help="folder of MNIST's four IDX files")
    parser.add_argument("--only", default="", help="runners whose name has this in it")
    parser.add_argument("--size", type=int, default=_SIZES[0])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.what == "speed":
            speed(args.path, args.only, Path(folder))
        elif args.what == "growth":
            growth(args.only)
        elif args.what == "orchestrators":
            orchestrators(Path(folder))
        else:
            ingest_synthetic(args.only, args.size, Path(folder))


if __name__ == "__main__":
    main()
