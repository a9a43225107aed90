"""A whole run on Dataflow, whose part this machine plays with Beam's local runner."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from apache_beam.portability.api import beam_runner_api_pb2 as runner_api

from components.beam.run_pipeline import run_pipeline
from components.context import Context
from data.errors import BadDataError, ConfigError, serialize_error
from pipeline import submit
from pipeline.config.graph import PipelineConfig
from pipeline.execution.beam import chain_steps
from pipeline.execution.beam_job import Job
from pipeline.execution.cancellation import cancel
from pipeline.execution.events import ignore
from pipeline.planning.prepare import Request

pytestmark = pytest.mark.slow

OWN_IMAGE = "--sdk_container_image=somewhere/mine:1"


def sent(pipeline: PipelineConfig, root: Path, flags: tuple[str, ...], shared: bool = True) -> str:
    """Submit and leave; returns the run's id."""
    request = Request(
        root=root,
        serving_dir=None,
        only=None,
        first=None,
        last=None,
        force=[],
        beam_args=(*flags, OWN_IMAGE),
        shared_filesystem=shared,
    )
    with pytest.raises(submit.Detached):
        submit.submit(
            pipeline, request, detach=True, on_event=ignore, on_interrupt=lambda: "detach"
        )
    (run,) = (root / "runs").iterdir()
    return run.name


def attached(root: Path, run_id: str) -> Any:
    return submit.attach(root, run_id, on_event=ignore, on_interrupt=lambda: "detach")


def test_submitted_worked_and_attached(
    google: Any, toy_pipeline: Callable[..., PipelineConfig], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    run_id = sent(toy_pipeline(), root, google.flags)
    proto = runner_api.Pipeline.FromString(google.staged()["pipeline.pb"])
    assert proto.ByteSize() < 2_000_000  # these tests travel along, as the user's own code does
    names = {t.unique_name for t in proto.components.transforms.values()}
    assert {"Job", "count", "add", "judge"} <= names
    urns = {t.spec.urn for t in proto.components.transforms.values()}
    assert not urns & {"beam:transform:group_by_key:v1", "beam:transform:reshuffle:v1"}

    written = json.loads((root / "runs" / run_id / "submission.json").read_text("utf-8"))
    assert written["submitted"]["url"] == google.console
    job = Job.from_text(written["job"])
    run_pipeline(chain_steps(job), Context(output_dir=tmp_path))
    google.jobs["job-1"]["currentState"] = "JOB_STATE_DONE"
    assert attached(root, run_id).verdict.status == "passed"


def test_a_job_that_failed(
    google: Any, toy_pipeline: Callable[..., PipelineConfig], tmp_path: Path
) -> None:
    run_id = sent(toy_pipeline(), tmp_path / "root", google.flags)
    ours = BadDataError("what came is not what it says")
    google.jobs["job-1"]["currentState"] = "JOB_STATE_FAILED"
    google.messages = [{"messageText": f"RuntimeError: {serialize_error(ours)}"}]
    with pytest.raises(BadDataError, match="what came"):
        attached(tmp_path / "root", run_id)


def test_a_job_that_is_cancelled(
    google: Any, toy_pipeline: Callable[..., PipelineConfig], tmp_path: Path
) -> None:
    run_id = sent(toy_pipeline(), tmp_path / "root", google.flags)
    assert cancel(tmp_path / "root", run_id).job.over
    with pytest.raises(submit.Cancelled):
        attached(tmp_path / "root", run_id)


def test_a_root_that_dataflow_does_not_see(
    google: Any, toy_pipeline: Callable[..., PipelineConfig], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="do not see the root"):
        sent(toy_pipeline(), tmp_path / "root", google.flags, shared=False)
    assert not google.jobs
    assert not google.objects
