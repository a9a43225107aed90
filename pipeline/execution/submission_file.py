"""Write and read `<root>/runs/<run id>/submission.json`, by which `penstock attach` finds a job."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from components.beam.jobs.submission import SubmittedJob
from data.errors import ConfigError
from data.files.documents import read_document, write_document
from pipeline.execution.beam_job import Job

_FILE = "submission.json"


def save(job: Job, submitted: SubmittedJob) -> None:
    """Write the job, and where it was submitted to, into the run's folder."""
    content = {"job": job.to_text(), "submitted": dataclasses.asdict(submitted)}
    write_document(job.folder / _FILE, content)


def load(root: Path, run_id: str) -> tuple[Job, SubmittedJob]:
    """Read what `save` wrote.

    Raises:
        ConfigError: the run was not submitted.
        BadDataError: another version of Penstock submitted it.
    """
    file = root / "runs" / run_id / _FILE
    if not file.is_file():
        raise ConfigError(
            f"the run {run_id} was not submitted to a cluster",
            expected="a run that `penstock submit` started",
            got=f"no {file}",
            remedy=f"`penstock show {run_id}` shows the run; `penstock runs` lists all runs",
        )
    plain = read_document(file)
    return Job.from_text(plain["job"]), SubmittedJob(**plain["submitted"])
