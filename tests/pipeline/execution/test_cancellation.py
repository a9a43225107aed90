"""Cancel a run whose job server acknowledges and goes on; its workers are threads of the test."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from apache_beam.portability.api import beam_job_api_pb2 as job_api
from deaf_job_server import DeafJobServer, deaf_job_server

from components.beam.jobs.submission import SubmittedJob
from data.base.waits import SECONDS
from data.errors import AlreadyPushed, ConfigError, PushRightLost, deserialize_error
from pipeline import exit_codes, submit
from pipeline.cli.main import call
from pipeline.config.graph import PipelineConfig
from pipeline.execution import submission_file
from pipeline.execution.beam import RunStep
from pipeline.execution.beam_job import Job
from pipeline.execution.cancellation import cancel
from pipeline.execution.events import JobStateChanged, RunPlanned, ignore
from pipeline.execution.run_record import RunRecord, make_run
from pipeline.planning import prepare
from pipeline.planning.prepare import Request
from pipeline.storage.ledger import Ledger
from pipeline.storage.tables import Run


@pytest.fixture
def server() -> Iterator[DeafJobServer]:
    with deaf_job_server() as server:
        yield server


@pytest.fixture
def sent(server: DeafJobServer, tmp_path: Path) -> Callable[[PipelineConfig], Job]:
    """A function that does what `submit` does, but for sending the job; nobody works on it yet."""

    def send(pipeline: PipelineConfig) -> Job:
        root = tmp_path / "root"
        request = Request(root=root, beam_args=(), shared_filesystem=True)
        root.mkdir()
        with Ledger(root) as ledger:
            prepared = prepare.prepare(pipeline, request, ledger)
            with RunRecord(root, make_run(pipeline), ledger, ignore) as record:
                record.emit(RunPlanned.of(record.run.id, prepared.chosen_plan))
                job = submit._make_job(prepared, record)
                submission_file.save(job, SubmittedJob("job-1", server.endpoint, None))
                record.submit()
        return job

    return send


class Worker(threading.Thread):
    """One attempt at the whole job, as a runner's worker makes it."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job
        self.error: Exception | None = None

    def run(self) -> None:
        text = self._job.to_text()
        try:
            for step in self._job.chosen:
                (text,) = RunStep(step).process(text)
        except RuntimeError as error:
            self.error = deserialize_error(str(error))


def until(happened: Callable[[], Any]) -> None:
    while not happened():
        time.sleep(0.01)


def versions(root: Path) -> list[str]:
    return sorted(path.name for path in root.glob("serving/toy/[0-9]*"))


def entered(root: Path) -> tuple[Run, dict[str, str]]:
    """The latest run, and how each of its steps ended."""
    with Ledger(root) as ledger:
        run = ledger.find_run("latest")
        return run, {e.step: e.status for e in ledger.executions(run.id)}


def test_a_worker_between_verdict_and_rename_pushes_no_more(
    sent, pushing_pipeline, server, tmp_path, capsys
):
    job = sent(pushing_pipeline(hold=str(tmp_path)))
    worker = Worker(job)
    worker.start()
    until((tmp_path / "started").exists)
    assert call(["cancel", "latest", "--root", str(job.root)]) == exit_codes.DONE
    assert server.asked == 1
    assert capsys.readouterr().out.splitlines() == [
        f"cancelled {job.run_id}: it will push nothing",
        "steps     count, add, judge: their results stay cached",
        f"job       cancelled, according to the job server at {server.endpoint}",
    ]
    run, steps = entered(job.root)
    assert (run.status, run.exit_code) == ("cancelled", exit_codes.INTERRUPTED)
    assert steps == {"count": "completed", "add": "completed", "judge": "completed"}
    assert json.loads((job.folder / "run.json").read_text())["status"] == "cancelled"
    (tmp_path / "go").touch()
    worker.join()
    assert isinstance(worker.error, PushRightLost)
    assert versions(job.root) == []
    assert not list(job.root.glob("serving/toy/.staging-*"))
    with pytest.raises(submit.Cancelled):
        attach(job.root)
    run, steps = entered(job.root)
    assert (run.status, steps["serve"]) == ("cancelled", "failed")


def attach(root: Path) -> Any:
    return submit.attach(root, "latest", on_event=ignore, on_interrupt=lambda: "detach")


def test_what_came_first_is_named_and_stays(sent, pushing_pipeline, tmp_path, capsys):
    job = sent(pushing_pipeline())
    worker = Worker(job)
    worker.start()
    worker.join()
    assert call(["cancel", "latest", "--root", str(job.root)]) == exit_codes.TOO_LATE
    said = capsys.readouterr()
    assert said.out == ""
    assert str(job.root / "serving" / "toy" / "1") in said.err
    assert "penstock rollback" in said.err
    assert entered(job.root)[0].status == "submitted"
    with pytest.raises(AlreadyPushed):
        cancel(job.root, "latest")
    assert versions(job.root) == ["1"]


def test_a_worker_looks_before_each_step(sent, pushing_pipeline, calls):
    job = sent(pushing_pipeline())
    (text,) = RunStep("count").process(job.to_text())
    cancel(job.root, "latest")
    with pytest.raises(RuntimeError, match="it was cancelled"):
        next(RunStep("add").process(text))
    with pytest.raises(RuntimeError, match="it was cancelled"):  # a runner tries all of it again
        next(RunStep("count").process(job.to_text()))
    assert calls() == ["count"]


def test_of_two_attempts_at_once_the_later_pushes(sent, pushing_pipeline, tmp_path):
    job = sent(pushing_pipeline(hold=str(tmp_path)))
    first, second = Worker(job), Worker(job)
    first.start()
    until((tmp_path / "started").exists)
    second.start()
    until(lambda: '"waiting"' in (job.folder / "worker_events.jsonl").read_text())
    (tmp_path / "go").touch()
    first.join()
    second.join()
    assert isinstance(first.error, PushRightLost)
    assert second.error is None
    assert versions(job.root) == ["1"]


def test_what_the_first_attempt_pushed_the_second_reuses(sent, pushing_pipeline):
    job = sent(pushing_pipeline())
    for _ in range(2):
        worker = Worker(job)
        worker.start()
        worker.join()
        assert worker.error is None
    assert versions(job.root) == ["1"]


def test_a_job_that_does_not_stop_is_said_and_asked_again(sent, pushing_pipeline, server, capsys):
    job = sent(pushing_pipeline())
    server.after = server.state  # RUNNING
    command = ["cancel", "latest", "--root", str(job.root), "--wait", "0"]
    for asked in (1, 2):
        assert call(command) == exit_codes.ENVIRONMENT
        said = capsys.readouterr().out
        assert "it will push nothing" in said
        assert f"running, according to the job server at {server.endpoint}" in said
        assert "stop it there" in said
        assert server.asked == asked
    assert entered(job.root)[0].status == "cancelled"


def test_a_runner_that_does_not_answer_keeps_nobody_from_cancelling(
    sent, pushing_pipeline, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(SECONDS, "JOB_SERVER_AWAY", 0.1)
    job = sent(pushing_pipeline())
    content = json.loads((job.folder / "submission.json").read_text())
    content["submitted"]["endpoint"] = "127.0.0.1:1"
    (job.folder / "submission.json").write_text(json.dumps(content))
    assert call(["cancel", "latest", "--root", str(job.root)]) == exit_codes.ENVIRONMENT
    assert "the job server at 127.0.0.1:1 does not answer any more" in capsys.readouterr().out
    worker = Worker(job)
    worker.start()
    worker.join()
    assert isinstance(worker.error, PushRightLost)
    assert versions(job.root) == []


def test_whoever_waits_for_the_run_sees_that_another_cancelled_it(sent, pushing_pipeline, server):
    job = sent(pushing_pipeline())
    server.after = server.state  # RUNNING, and it never ends
    cancelled = []

    def cancel_elsewhere(event):
        if isinstance(event, JobStateChanged):
            thread.start()

    thread = threading.Thread(target=lambda: cancelled.append(cancel(job.root, "latest", wait=0)))
    with pytest.raises(submit.Cancelled):
        submit.attach(job.root, "latest", on_event=cancel_elsewhere, on_interrupt=lambda: "detach")
    thread.join()
    assert cancelled[0].run_id == job.run_id
    assert entered(job.root)[0].status == "cancelled"


def test_ctrl_c_is_too_late_for_what_is_pushed(sent, pushing_pipeline, server):
    job = sent(pushing_pipeline())
    worker = Worker(job)
    worker.start()
    worker.join()

    def press_ctrl_c(event):
        if isinstance(event, JobStateChanged):
            raise KeyboardInterrupt

    with pytest.raises(AlreadyPushed):
        submit.attach(job.root, "latest", on_event=press_ctrl_c, on_interrupt=lambda: "cancel")
    assert entered(job.root)[0].status == "submitted"  # it goes to its end
    server.state = job_api.JobState.DONE
    assert attach(job.root).push.version == 1


def test_a_job_server_that_says_cancelled_of_a_job_that_goes_on(
    sent, pushing_pipeline, server, tmp_path
):
    """Somebody else asked it to end; whoever waits calls the run cancelled: it is not to push."""
    job = sent(pushing_pipeline(hold=str(tmp_path)))
    worker = Worker(job)
    worker.start()
    until((tmp_path / "started").exists)
    server.Cancel(None)
    with pytest.raises(submit.Cancelled):
        attach(job.root)
    assert entered(job.root)[0].status == "cancelled"
    (tmp_path / "go").touch()
    worker.join()
    assert isinstance(worker.error, PushRightLost)
    assert versions(job.root) == []


def test_a_run_that_failed_pushes_no_more(sent, pushing_pipeline, tmp_path):
    """Its job failed by its runner's word, and a worker that counts as dead goes on."""
    job = sent(pushing_pipeline(hold=str(tmp_path)))
    worker = Worker(job)
    worker.start()
    until((tmp_path / "started").exists)
    with (
        Ledger(job.root) as ledger,
        pytest.raises(ConfigError),
        RunRecord(job.root, ledger.find_run("latest"), ledger, ignore, resume=True),
    ):
        raise ConfigError("the job failed")
    (tmp_path / "go").touch()
    worker.join()
    assert isinstance(worker.error, PushRightLost)
    assert versions(job.root) == []


def test_the_job_of_a_run_that_failed_can_be_stopped(sent, pushing_pipeline, server):
    """Whoever looked after it could not go on; the job could."""
    job = sent(pushing_pipeline())
    with Ledger(job.root) as ledger:
        ledger.finish_run(dataclasses.replace(ledger.find_run("latest"), status="failed"))
    assert cancel(job.root, "latest").job.over
    assert server.asked == 1


def test_a_component_of_the_user_s_own_travels_with_the_run(sent, pushing_pipeline):
    job = sent(pushing_pipeline())  # of toy_steps:Count and others
    assert list(job.code) == ["toy_steps.py"]


def test_an_interrupt_of_whoever_looks_after_it_leaves_the_run(sent, pushing_pipeline):
    job = sent(pushing_pipeline())
    with (
        Ledger(job.root) as ledger,
        pytest.raises(KeyboardInterrupt),
        RunRecord(job.root, ledger.find_run("latest"), ledger, ignore, resume=True),
    ):
        raise KeyboardInterrupt
    assert entered(job.root)[0].status == "submitted"
    worker = Worker(job)
    worker.start()
    worker.join()
    assert versions(job.root) == ["1"]


def test_cancelled_is_the_last_word(sent, pushing_pipeline):
    job = sent(pushing_pipeline())
    cancel(job.root, "latest")
    with Ledger(job.root) as ledger:
        run = ledger.find_run("latest")
        ledger.finish_run(dataclasses.replace(run, status="completed", exit_code=0))
        assert ledger.find_run("latest") == run


def test_only_what_was_submitted_and_is_not_over_is_cancelled(sent, pushing_pipeline, server):
    job = sent(pushing_pipeline())
    server.state = job_api.JobState.DONE
    with pytest.raises(ConfigError, match="got:      run status submitted, job state done"):
        cancel(job.root, "latest")
    (job.folder / "submission.json").unlink()
    with pytest.raises(ConfigError, match="was not submitted"):
        cancel(job.root, "latest")


def test_a_run_that_no_worker_begins_is_not_waited_for_for_ever(
    sent, pushing_pipeline, server, monkeypatch, capfd
):
    """It may be that the cluster is full: the run stays as it is."""
    monkeypatch.setitem(SECONDS, "JOB_START", 0.01)
    job = sent(pushing_pipeline())
    assert call(["attach", "latest", "--root", str(job.root)]) == exit_codes.ENVIRONMENT
    said = capfd.readouterr().err
    assert "no worker has started the run" in said
    assert "job job-1 is running" in said
    assert "PENSTOCK_WAIT_JOB_START" in said
    assert entered(job.root)[0].status == "submitted"
    assert server.asked == 0
    Worker(job).run()
    server.state = job_api.JobState.DONE
    assert attach(job.root).push.version == 1
