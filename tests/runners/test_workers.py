"""Workers of real runners that lack something: room, rights, our code; and one that alone fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import clusters
import pytest

from components.beam.worker_check import check_workers
from data.base.waits import SECONDS
from data.code.import_path import OUR_PACKAGES
from data.errors import EnvironmentTrouble, StepError
from pipeline.config.graph import PipelineConfig
from pipeline.config.overrides import apply_settings
from pipeline.run import run

pytestmark = [
    pytest.mark.runners,
    # Beam's worker threads, when a job's end hangs up on them.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]
HOME = Path(__file__).parents[2]


@pytest.fixture
def pool_of(tmp_path) -> Callable[..., AbstractContextManager[str]]:
    return lambda **given: clusters.worker_pool(tmp_path / "pool", **given)


def ingest(pipeline: PipelineConfig, root: Path, args: tuple[str, ...]) -> Any:
    return run(pipeline, root=root, beam_args=args, last="ingest", shared_filesystem=True)


def nothing_is_sealed(root: Path) -> None:
    assert not list(root.glob("artifacts/ingest/[0-9a-f]*"))
    assert not list(root.glob("artifacts/*/.*.making"))


def test_a_disk_that_is_full_for_workers(job_service, pool_of, digits, tmp_path):
    """No file of theirs may be larger than 40 kB; the digits' take more."""
    root = tmp_path / "root"
    small = pool_of(under=["prlimit", "--fsize=40000"])
    with small as pool, pytest.raises(EnvironmentTrouble, match="cannot write") as found:
        ingest(digits, root, job_service.external(pool))
    assert "free disk space" in str(found.value)
    nothing_is_sealed(root)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to take rights from it: sudo -E make …")
def test_a_root_that_workers_may_not_write(job_service, pool_of, digits, tmp_path):
    """The workers' root user has to mind permissions; that of this process need not."""
    root = tmp_path / "root"
    before = os.umask(0o222)
    powerless = pool_of(under=["setpriv", "--bounding-set=-dac_override"])
    try:
        with powerless as pool, pytest.raises(EnvironmentTrouble, match="write") as found:
            ingest(digits, root, job_service.external(pool))
    finally:
        os.umask(before)
    assert "Permission denied" in str(found.value)
    nothing_is_sealed(root)


def test_one_worker_alone_fails(flink, pool_of, digits, reference, tmp_path):
    root = tmp_path / "root"
    settings = ["ingest.source=halting:FailingOnce", f'ingest.options={{folder = "{tmp_path}"}}']
    pipeline = apply_settings(digits, settings)
    with pool_of() as pool:
        with pytest.raises(StepError) as found:
            ingest(pipeline, root, flink.external(pool))
        assert found.value.got == "ValueError: this worker's disk went away"
        nothing_is_sealed(root)
    made = ingest(pipeline, root, flink.args).outputs["ingest"].examples
    for shard in reference.outputs["ingest"].examples.path.glob("*.tfrecord*"):
        assert (made.path / shard.name).read_bytes() == shard.read_bytes()


def test_workers_with_another_penstock(job_service, pool_of, tmp_path):
    home = tmp_path / "other"
    for package in OUR_PACKAGES:
        shutil.copytree(HOME / package, home / package)
    with (home / "data" / "spec.py").open("a") as file:
        file.write("# one line more\n")
    with pool_of(home=home) as pool, pytest.raises(EnvironmentTrouble, match="another penstock"):
        check_workers(job_service.external(pool))


def test_workers_without_penstock(job_service, pool_of, tmp_path, monkeypatch):
    """As where the pool's environment has all libraries, and Penstock was forgotten."""
    bare = tmp_path / "bare"
    for package in OUR_PACKAGES:
        (bare / package).mkdir(parents=True)
        missing = f"raise ModuleNotFoundError(\"No module named '{package}'\", name={package!r})\n"
        (bare / package / "__init__.py").write_text(missing)
    monkeypatch.setitem(SECONDS, "WORKER", 20.0)
    with pool_of(home=bare) as pool, pytest.raises(EnvironmentTrouble, match="lacks") as found:
        check_workers(job_service.external(pool))
    assert "--setup_file" in str(found.value)


def test_workers_that_die_at_their_start(job_service, pool_of, tmp_path, monkeypatch):
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "python").write_text("#!/bin/sh\nexit 3\n")
    (broken / "python").chmod(0o755)
    monkeypatch.setitem(SECONDS, "WORKER", 5.0)
    with pool_of(first=broken) as pool, pytest.raises(EnvironmentTrouble) as found:
        check_workers(job_service.external(pool))
    assert "read the log of the worker" in str(found.value)
