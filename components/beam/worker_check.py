"""Check remote workers with a small job: do they start, have the same code, and can they write?"""

from __future__ import annotations

import importlib.metadata
import platform
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import apache_beam as beam
from apache_beam.metrics import Metrics

from components.beam.jobs.find_job import find_job
from components.beam.options import get_environment_type, parse_flags
from components.beam.run_pipeline import silence_beam
from components.context import Context
from data.code.worker_code import read_versions, version_mismatch_error
from data.errors import summarize_error

_ELEMENTS = 3
_FACT = "worker:"  # prefix of counter names: the only answer that every runner returns


class Examine(beam.DoFn):
    """Count elements, and report facts about the worker in the names of counters."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = list(folders)

    def process(self, number: int) -> Iterator[int]:
        facts = {
            **read_versions(),
            "host": platform.node(),
            "tensorflow": _read_version("tensorflow"),
        }
        facts.update({f"write {folder}": _try_writing(folder) for folder in self._folders})
        for name, fact in facts.items():
            Metrics.counter("probe", f"{_FACT}{name}={fact}").inc()
        Metrics.counter("probe", "elements").inc()
        yield number


def _read_version(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def _try_writing(folder: str) -> str:
    """Return "ok" or why no file can be written to the folder, or to its nearest parent."""
    try:
        parent = next(p for p in (Path(folder), *Path(folder).parents) if p.exists())
        with tempfile.TemporaryFile(dir=parent) as file:
            file.write(b"penstock")
    except OSError as error:
        return summarize_error(error)
    return "ok"


def examine_workers(args: Sequence[str], folders: Sequence[Path] = ()) -> dict[str, set[str]]:
    """Run three elements on the workers; returns facts about the workers, by name.

    Args:
        args: as `job_server.connect_job_server` yields them.
        folders: folders that workers must be able to write.

    Returns:
        `python`, `beam`, `penstock`, `tensorflow`, `host` and `write <folder>`, each with the
        different values of the workers that answered.

    Raises:
        EnvironmentTrouble: no worker answered in time, or the job failed by a known problem.
        StepError: the job failed for another reason.
    """
    options = parse_flags(args)
    wait = "CONTAINER" if get_environment_type(options) == "DOCKER" else "WORKER"
    pipeline = beam.Pipeline(options=options)
    names = [str(folder) for folder in folders]
    _ = pipeline | beam.Create(range(_ELEMENTS)) | "Examine" >> beam.ParDo(Examine(names))
    context = Context(output_dir=Path())
    with silence_beam(context.logger):
        result = pipeline.run()
        job = find_job(result, args)
        if job is None:
            result.wait_until_finish()
            counted = {c.key.metric.name for c in result.metrics().query()["counters"]}
        else:
            job.wait(context, wait)
            counted = set(job.counted)
    return _collect_facts(counted)


def _collect_facts(counted: set[str]) -> dict[str, set[str]]:
    facts: dict[str, set[str]] = {}
    for name in counted:
        if name.startswith(_FACT):
            fact, _, value = name.removeprefix(_FACT).partition("=")
            facts.setdefault(fact, set()).add(value)
    return facts


def check_workers(args: Sequence[str]) -> None:
    """Raise EnvironmentTrouble unless a worker starts and has the same code as this process."""
    workers = examine_workers(args)
    sender = read_versions()
    different = {
        name: " and ".join(sorted(workers[name]))
        for name, value in sender.items()
        if name in workers and workers[name] != {value}
    }
    if different:
        raise version_mismatch_error(
            sender, different, ", ".join(sorted(workers.get("host", {"?"})))
        )
