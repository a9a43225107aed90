"""What becomes of a pipeline that fails, or is interrupted, in a worker."""

from __future__ import annotations

import logging
from pathlib import Path

import apache_beam as beam
import pytest

from components.beam.run_pipeline import _wait_for_beam, run_pipeline
from components.context import Context
from data.base.waits import SECONDS
from data.errors import BadDataError, ConfigError, EnvironmentTrouble, serialize_error


def run(tmp_path: Path, function, *beam_args: str) -> None:
    context = Context(output_dir=tmp_path, beam_args=beam_args or Context.beam_args)
    run_pipeline(
        lambda p: p | "Numbers" >> beam.Create([1, 2, 3]) | "Work" >> beam.Map(function), context
    )


def write(number: int, folder: Path) -> None:
    (folder / str(number)).touch()


@pytest.mark.parametrize(
    "beam_args", [(), ("--runner=FnApiRunner",), ("--direct_num_workers=1",)], ids=str
)
def test_it_runs_to_the_end_on_a_runner_that_needs_no_download(tmp_path: Path, beam_args) -> None:
    def work(number: int) -> None:
        write(number, tmp_path)

    run(tmp_path, work, *beam_args)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2", "3"]


def test_an_error_of_ours_comes_back_whole(tmp_path: Path) -> None:
    error = BadDataError("what ]] is", expected='"this"\nand that', got=[[1]], remedy="fix it")

    def work(number: int) -> None:
        raise RuntimeError(serialize_error(error))

    with pytest.raises(BadDataError) as caught:
        run(tmp_path, work)
    assert str(caught.value) == str(error)


def test_an_error_of_another_library_keeps_its_message(tmp_path: Path) -> None:
    def work(number: int) -> None:
        raise ValueError("the user's own function is broken")

    with pytest.raises(Exception, match="the user's own function is broken"):
        run(tmp_path, work)


def test_an_error_while_building_is_raised_as_it_is(tmp_path: Path) -> None:
    def build(pipeline: beam.Pipeline) -> None:
        raise ConfigError("no")

    with pytest.raises(ConfigError, match="no"):
        run_pipeline(build, Context(output_dir=tmp_path))


def test_an_interrupt_in_a_worker_is_an_interrupt(tmp_path: Path) -> None:
    def work(number: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, work)


def test_beam_is_quiet_and_then_as_loud_as_before(tmp_path: Path, caplog) -> None:
    def work(number: int) -> None:
        raise RuntimeError("said once")

    before = logging.getLogger("apache_beam").level
    with pytest.raises(RuntimeError):
        run(tmp_path, work)
    assert not [r for r in caplog.records if r.name.startswith("apache_beam")]
    assert logging.getLogger("apache_beam").level == before


class Sent:
    """What Beam gives back of a job that it alone can ask for."""

    state = "RUNNING"

    def cancel(self) -> None:
        self.state = "CANCELLED"

    def wait_until_finish(self) -> str:
        return "DONE"


def test_a_job_that_beam_alone_can_ask_for_is_not_waited_for_for_ever(monkeypatch) -> None:
    monkeypatch.setitem(SECONDS, "JOB_START", 0.0)
    job = Sent()
    assert _wait_for_beam(job, lambda: True) == "DONE"
    with pytest.raises(EnvironmentTrouble, match="the job did not start within 0 s") as found:
        _wait_for_beam(job, lambda: False)
    assert "PENSTOCK_WAIT_JOB_START" in found.value.remedy
    assert job.state == "CANCELLED"
    assert _wait_for_beam(job, lambda: False) == "DONE"  # over, whoever began it


def test_a_job_server_that_is_gone_is_the_environments_trouble(tmp_path: Path) -> None:
    args = ("--runner=PortableRunner", "--job_endpoint=localhost:1", "--job_server_timeout=1")
    with pytest.raises(EnvironmentTrouble, match="did not accept the job"):
        run(tmp_path, str, *args, "--environment_type=LOOPBACK")
