"""What Dataflow is asked for: everything is real but the far ends of the network."""

from __future__ import annotations

import io
import platform
import tarfile
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.portability.api import beam_runner_api_pb2 as runner_api

from components import ingest
from components.beam.jobs import submission
from components.beam.options import new_pipeline
from components.beam.run_pipeline import run_pipeline
from components.beam.worker_check import examine_workers
from components.context import Context
from data.code import worker_code
from data.errors import (
    BadDataError,
    ConfigError,
    ConnectionLost,
    EnvironmentTrouble,
    StepError,
    serialize_error,
)

pytestmark = pytest.mark.slow

MINOR = ".".join(platform.python_version_tuple()[:2])
IMAGE = f"gcr.io/cloud-dataflow/v1beta3/beam_python{MINOR}_sdk:{beam.__version__}"
OWN_IMAGE = "--sdk_container_image=europe-docker.pkg.dev/project/mine/penstock:1"
STOP = "Traceback (most recent call last):\nValueError: far enough"

FREEZE = "submission_environment_dependencies.txt"  # where this environment has pip


def one_element(pipeline: beam.Pipeline) -> None:
    _ = pipeline | "One" >> beam.Create([1])


def sent(google: Any) -> runner_api.Pipeline:
    return runner_api.Pipeline.FromString(google.staged()["pipeline.pb"])


def names(proto: runner_api.Pipeline) -> list[str]:
    return [t.unique_name for t in proto.components.transforms.values()]


def pool(google: Any) -> dict[str, Any]:
    (only,) = google.jobs["job-1"]["environment"]["workerPools"]
    return only


def test_ingest_sends_its_code_and_its_transforms(google: Any, tmp_path: Path) -> None:
    google.state, google.messages = "JOB_STATE_FAILED", [{"messageText": STOP}]
    context = Context(output_dir=tmp_path, beam_args=google.flags, shared_filesystem=True)
    with pytest.raises(StepError) as stopped:
        ingest.run(ingest.Inputs(), ingest.Config(), context)
    assert stopped.value.got == "ValueError: far enough"
    assert list(tmp_path.glob("*/")) == []  # nothing half written

    staged = google.staged()
    assert set(staged) - {FREEZE} == {"pipeline.pb", "workflow.tar.gz"}
    with tarfile.open(fileobj=io.BytesIO(staged["workflow.tar.gz"])) as package:
        inside = {name.partition("/")[2] for name in package.getnames()}
    assert {"setup.py", "data/examples/write.py", "components/ingest/component.py"} <= inside

    proto = sent(google)
    steps = ("Parts", "ReadChunks", "Encode", "WriteShards", "Collect", "Record")
    assert {f"WriteExamples/{step}" for step in steps} <= set(names(proto))
    (environment,) = proto.components.environments.values()
    assert environment.urn == "beam:env:docker:v1"
    assert runner_api.DockerPayload.FromString(environment.payload).container_image == IMAGE
    urls = [
        runner_api.ArtifactUrlPayload.FromString(file.type_payload).url
        for file in environment.dependencies
    ]
    assert {Path(url).name for url in urls} - {FREEZE} == {"workflow.tar.gz"}
    assert {url.removeprefix("gs://") for url in urls} <= set(google.objects)


def test_the_job_is_what_the_flags_say(google: Any) -> None:
    more = ("--max_num_workers=7", "--worker_machine_type=n2-standard-4", "--job_name=ingest")
    submitted = submission.submit_detached(one_element, (*google.flags, *more))
    assert submitted.url == google.console
    job = google.jobs["job-1"]
    about = job["environment"]
    assert (job["name"], about["version"]["job_type"]) == ("ingest", "FNAPI_BATCH")
    assert about["tempStoragePrefix"].startswith("storage.googleapis.com/bucket/tmp/ingest")
    assert about["userAgent"] == {
        "name": f"Apache Beam Python {MINOR} SDK",
        "version": beam.__version__,
    }
    options = about["sdkPipelineOptions"]["options"]
    assert options["pipelineUrl"].removeprefix("gs://") in google.objects
    assert not options["save_main_session"]
    assert pool(google)["machineType"] == "n2-standard-4"
    assert pool(google)["autoscalingSettings"] == {"maxNumWorkers": 7}
    (worker,) = pool(google)["sdkHarnessContainerImages"]
    assert worker["containerImage"] == IMAGE


def test_an_image_of_the_user_s_own(google: Any) -> None:
    submission.submit_detached(one_element, (*google.flags, OWN_IMAGE))
    assert set(google.staged()) - {FREEZE} == {"pipeline.pb"}
    assert pool(google)["workerHarnessContainerImage"] == OWN_IMAGE.partition("=")[2]


def test_a_submitted_job_is_asked_for_by_another_process(google: Any) -> None:
    """A process that only has what the submission wrote down."""
    left = submission.submit_detached(one_element, (*google.flags, OWN_IMAGE))
    found = submission.SubmittedJob(left.job_id, "", left.url, list(left.flags))
    assert submission.get_state(found) == "RUNNING"
    assert submission.stop_job(found, 60) == "CANCELLED"
    ours = BadDataError("what it is", expected="another")
    google.messages = [
        {"messageText": f"Traceback: RuntimeError: {serialize_error(ours)} [while …]"}
    ]
    assert str(submission.get_failure(found)) == str(ours)
    google.away = True
    with pytest.raises(ConnectionLost, match="job-1") as lost:
        submission.get_state(found)
    assert "not enabled" in str(lost.value)
    assert google.console in str(lost.value)


def test_a_job_that_dataflow_does_not_take(google: Any, tmp_path: Path) -> None:
    google.away = True
    with pytest.raises(EnvironmentTrouble, match="not enabled"):
        submission.submit_detached(one_element, (*google.flags, OWN_IMAGE))
    context = Context(output_dir=tmp_path, beam_args=(*google.flags, OWN_IMAGE))
    with pytest.raises(EnvironmentTrouble, match="not enabled"):
        run_pipeline(one_element, context)


def test_workers_answer_by_counters(google: Any) -> None:
    google.state = "JOB_STATE_DONE"
    google.counters = {
        f"worker:{name}={mine}": 3 for name, mine in worker_code.read_versions().items()
    }
    seen = examine_workers((*google.flags, OWN_IMAGE))
    assert seen == {name: {mine} for name, mine in worker_code.read_versions().items()}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--temp_location=gs://bucket/tmp", "--region=europe-west6"), "project"),
        (("--project=a project", "--region=r", "--temp_location=gs://bucket/tmp"), "a project"),
        (("--project=project", "--temp_location=gs://bucket/tmp", "--num_workers=-1"), "num_work"),
    ],
)
@pytest.mark.usefixtures("google")
def test_flags_that_dataflow_cannot_use(flags: tuple[str, ...], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        new_pipeline(("--runner=DataflowRunner", *flags))


def test_a_template_is_no_job(google: Any) -> None:
    more = (OWN_IMAGE, "--template_location=gs://bucket/template")
    with pytest.raises(ConfigError, match="template"):
        submission.submit_detached(one_element, (*google.flags, *more))
