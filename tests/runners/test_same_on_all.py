"""The digits pipeline comes to the same, whoever runs it."""

from __future__ import annotations

import pytest
import same_runs

from pipeline.run import run

pytestmark = [
    pytest.mark.runners,
    # Beam's worker threads, when a job's end hangs up on them.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]
MULTI = ("--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2")


def test_in_several_processes(digits, reference, tmp_path):
    same_runs.assert_same(reference, run(digits, root=tmp_path, beam_args=MULTI))


@pytest.mark.parametrize("name", ["job_service", "prism", "flink", "spark"])
def test_workers_in_this_process(name, digits, reference, tmp_path, request):
    runner = request.getfixturevalue(name)
    same_runs.assert_same(reference, run(digits, root=tmp_path, beam_args=runner.args))


def test_workers_in_a_clean_environment(job_service, pool, digits, reference, tmp_path):
    args = job_service.external(pool)
    result = run(digits, root=tmp_path, beam_args=args, shared_filesystem=True)
    same_runs.assert_same(reference, result)
