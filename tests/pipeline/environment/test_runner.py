"""What the doctor says of runners."""

from __future__ import annotations

from pathlib import Path

from free_ports import free_port

from data.base.waits import SECONDS
from pipeline.environment.runner import check_runner


def test_no_problem_is_found_in_this_process(tmp_path: Path) -> None:
    findings = list(check_runner(("--runner=FnApiRunner",), tmp_path))
    assert all(finding.good for finding in findings), findings
    assert {"runner", "three elements", "workers' tensorflow", "workers write"} <= {
        finding.what for finding in findings
    }


def test_a_root_that_workers_cannot_write(tmp_path: Path) -> None:
    findings = list(check_runner(("--runner=FnApiRunner",), Path("/proc/nowhere")))
    assert [finding.what for finding in findings if not finding.good] == ["workers write"]


def test_no_job_server_is_one_finding_with_what_to_do(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setitem(SECONDS, "JOB_SERVER", 1.0)
    args = ("--runner=PortableRunner", f"--job_endpoint=localhost:{free_port()}")
    (finding,) = check_runner(args, tmp_path)
    assert not finding.good
    assert "start the job server" in finding.remedy


def test_a_wrong_flag(tmp_path: Path) -> None:
    (finding,) = check_runner(("--direct_num_worker=1",), tmp_path)
    assert (finding.good, finding.what) == (False, "flags")
    assert "--direct_num_workers" in finding.remedy
