"""The whole graph on a cluster's workers: submitted, left, found again, cancelled."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clusters
import pytest
import same_runs

from components.beam.jobs import submission
from components.beam.jobs.remote_job import OVER
from data.base.waits import SECONDS
from data.errors import AlreadyPushed, BadDataError, ConfigError, EnvironmentTrouble
from pipeline import exit_codes, submit
from pipeline.cli.main import call
from pipeline.config.graph import PipelineConfig
from pipeline.config.overrides import apply_settings
from pipeline.execution import submission_file
from pipeline.execution.beam import chain_steps
from pipeline.execution.beam_job import Job
from pipeline.execution.cancellation import cancel
from pipeline.execution.events import JobStateChanged, ignore
from pipeline.inspection.report_and_pictures import write_report_and_pictures
from pipeline.planning import prepare
from pipeline.planning.prepare import Request
from pipeline.run import run
from pipeline.storage.ledger import Ledger

pytestmark = [
    pytest.mark.runners,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]


@pytest.fixture
def request_at(pool, job_service) -> Callable[..., Request]:
    def make(root: Path, args: tuple[str, ...] | None = None, **more: Any) -> Request:
        given = {
            "serving_dir": None,
            "only": None,
            "first": None,
            "last": None,
            "force": (),
            "shared_filesystem": False,
            **more,
        }
        return Request(root=root, beam_args=args or job_service.external(pool), **given)

    return make


def send(pipeline: PipelineConfig, request: Request, *, detach: bool = False) -> Any:
    return submit.submit(
        pipeline, request, detach=detach, on_event=ignore, on_interrupt=lambda: "detach"
    )


def attach(root: Path) -> Any:
    return submit.attach(root, "latest", on_event=ignore, on_interrupt=lambda: "detach")


def status(root: Path) -> tuple[str, int | None]:
    with Ledger(root) as ledger:
        (latest, *_) = ledger.runs()
    return latest.status, latest.exit_code


@pytest.mark.parametrize("name", ["job_service", "flink"])
def test_the_workers_come_to_the_same(name, pool, digits, reference, request_at, tmp_path, request):
    args = request.getfixturevalue(name).external(pool)
    same_runs.assert_same(reference, send(digits, request_at(tmp_path, args)))
    again = run(digits, root=tmp_path)
    assert {execution.status for execution in again.executions} == {"cached"}


def test_it_is_left_and_found_again(slow_digits, request_at, tmp_path):
    root = tmp_path / "root"
    with pytest.raises(submit.Detached):
        send(slow_digits, request_at(root), detach=True)
    assert status(root) == ("submitted", None)
    (tmp_path / "go").touch()
    result = attach(root)
    assert [e.status for e in result.executions] == ["completed"] * 5
    assert status(root) == ("completed", exit_codes.DONE)
    drawn = write_report_and_pictures(result)
    assert drawn.report
    assert write_report_and_pictures(result) == drawn  # it is there
    assert result.push.served_path.is_dir()
    again = attach(root)
    assert again.run == result.run  # what is known is only read again
    with pytest.raises(AlreadyPushed, match="has pushed already") as caught:
        cancel(root, "latest")
    assert caught.value.got == str(result.push.served_path)


def test_a_runner_that_forgot_the_job(slow_digits, pool, request_at, tmp_path):
    """What workers wrote down counts, whether or not the runner is there to say that it is over."""
    root = tmp_path / "root"
    with clusters.job_service(tmp_path / "service") as service:
        with pytest.raises(submit.Detached):
            send(slow_digits, request_at(root, service.external(pool)), detach=True)
        (tmp_path / "go").touch()
        job, sent = submission_file.load(root, next(root.glob("runs/*")).name)
        while submission.get_state(sent) not in OVER:
            time.sleep(0.1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SECONDS, "JOB_SERVER_AWAY", 2.0)
        assert attach(root).run.exit_code == exit_codes.DONE
    assert job.chosen[-1] == "export"


@pytest.mark.parametrize(
    ("answer", "error", "left"),
    [("detach", submit.Detached, "submitted"), ("cancel", submit.Cancelled, "cancelled")],
)
def test_ctrl_c_asks_what_is_to_become_of_the_job(
    answer, error, left, slow_digits, request_at, tmp_path
):
    root, asked = tmp_path / "root", []

    def press_ctrl_c(event):
        if isinstance(event, JobStateChanged):
            raise KeyboardInterrupt

    def on_interrupt():
        asked.append(answer)
        return answer

    with pytest.raises(error):
        submit.submit(
            slow_digits,
            request_at(root),
            detach=False,
            on_event=press_ctrl_c,
            on_interrupt=on_interrupt,
        )
    assert asked == [answer]
    assert status(root)[0] == left
    (tmp_path / "go").touch()
    if answer == "detach":
        assert attach(root).run.exit_code == exit_codes.DONE


def test_it_is_cancelled(slow_digits, request_at, tmp_path):
    root = tmp_path / "root"
    with pytest.raises(submit.Detached):
        send(slow_digits, request_at(root), detach=True)
    while not (tmp_path / "started").exists():
        time.sleep(0.1)
    assert cancel(root, "latest").job.over  # by the word of a job service that goes on
    assert status(root) == ("cancelled", exit_codes.INTERRUPTED)
    (tmp_path / "go").touch()
    events = root / "runs" / latest(root) / "worker_events.jsonl"
    while '"failed"' not in events.read_text():  # the worker looks before the next step
        time.sleep(0.1)
    assert "it was cancelled" in events.read_text()
    assert not list(root.glob("artifacts/normalize/[0-9a-f]*"))
    with pytest.raises(submit.Cancelled):
        attach(root)
    with Ledger(root) as ledger:  # what the job did after its end is entered all the same
        assert [e.step for e in ledger.executions(latest(root))] == ["ingest"]


def test_a_real_flink_stops_what_is_cancelled(
    flink, pool, pushing_toy, request_at, tmp_path, capsys
):
    """Its job server calls it cancelled and lets it go on: Flink itself is asked."""
    root = tmp_path / "root"
    with pytest.raises(submit.Detached):
        send(pushing_toy, request_at(root, flink.external(pool)), detach=True)
    while not (tmp_path / "started").exists():  # between verdict and rename
        time.sleep(0.1)
    assert call(["cancel", "latest", "--root", str(root)]) == exit_codes.DONE
    said = capsys.readouterr().out
    assert "it will push nothing" in said
    assert "count, judge" in said
    assert flink.page in said
    assert running(flink) == []
    (tmp_path / "go").touch()
    assert status(root) == ("cancelled", exit_codes.INTERRUPTED)
    assert not list(root.glob("serving/*/[0-9]*"))
    assert call(["cancel", "latest", "--root", str(root)]) == exit_codes.DONE  # it still is


def test_flink_pushed_before_it_was_cancelled(flink, pool, pushing_toy, request_at, tmp_path):
    root = tmp_path / "root"
    (tmp_path / "go").touch()
    with pytest.raises(submit.Detached):
        send(pushing_toy, request_at(root, flink.external(pool)), detach=True)
    while not list(root.glob("serving/*/[0-9]*")):
        time.sleep(0.1)
    assert call(["cancel", "latest", "--root", str(root)]) == exit_codes.TOO_LATE
    assert attach(root).push.version == 1
    assert status(root) == ("completed", exit_codes.DONE)


def latest(root: Path) -> str:
    with Ledger(root) as ledger:
        return ledger.find_run("latest").id


def running(flink: Any) -> list[Any]:
    return [job for job in flink.ask("/jobs/overview")["jobs"] if job["state"] == "RUNNING"]


def test_a_step_that_fails_there_fails_here_in_the_same_words(digits, request_at, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    settings = ["ingest.source=idx", f"ingest.path={empty}"]
    pipeline = apply_settings(digits, settings)
    with pytest.raises(BadDataError, match="lacks the file train-images"):
        send(pipeline, request_at(tmp_path / "root", shared_filesystem=True))
    assert status(tmp_path / "root") == ("failed", exit_codes.BAD_DATA)


def test_files_that_workers_may_not_see_are_refused(digits, request_at, tmp_path):
    folder = tmp_path / "idx"
    folder.mkdir()
    (folder / "train-images-idx3-ubyte").touch()
    pipeline = apply_settings(digits, ["ingest.source=idx", f"ingest.path={folder}"])
    with pytest.raises(ConfigError, match="may not see"):
        send(pipeline, request_at(tmp_path / "root"))
    assert not list((tmp_path / "root").glob("runs/*"))


def test_without_workers_of_its_own_it_is_refused(digits, request_at, job_service, tmp_path):
    with pytest.raises(ConfigError, match="workers in this process"):
        send(digits, request_at(tmp_path, job_service.args))


def test_a_root_that_workers_do_not_see(digits, pool, job_service, request_at, tmp_path):
    """A job that names a root which is nowhere: what a worker without the mount would see."""
    with Ledger(tmp_path) as ledger:
        prepared = prepare.prepare(digits, request_at(tmp_path), ledger)
    workspace = dataclasses.replace(prepared.workspace, root=tmp_path / "not mounted")
    job = Job.of(prepared.plan, prepared.chosen, workspace, run_id="a-run", attempt="a")
    sent = submission.submit_detached(chain_steps(job), job_service.external(pool))
    while submission.get_state(sent) not in OVER:
        time.sleep(0.1)
    error = submission.get_failure(sent)
    assert isinstance(error, EnvironmentTrouble)
    assert "does not see the root" in error.what
