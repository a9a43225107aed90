"""A run whose input files lie behind a URL: reused until they change, and told what changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import idx_files
import numpy as np
import pytest
import stores

from data.errors import ConfigError
from pipeline import recipes
from pipeline.config.graph import PipelineConfig
from pipeline.config.overrides import apply_settings
from pipeline.run import run
from pipeline.spans.data_key import compute_data_key

HOME = Path(__file__).parents[2]
IMAGES = "train-images-idx3-ubyte.gz"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Small IDX files, a minute old."""
    rng = np.random.default_rng(0)
    splits = {
        split: (rng.integers(0, 256, (count, 8, 8), dtype=np.uint8), np.arange(count) % 10)
        for split, count in (("train", 60), ("test", 20))
    }
    made: Path = idx_files.write_idx(tmp_path / "idx", **splits)
    return made


def digits(path: str) -> PipelineConfig:
    return apply_settings(recipes.build("digits"), ["ingest.source=idx", f"ingest.path={path}"])


def ingest(path: str, root: Path, *beam_args: str):
    more = {"beam_args": ("--runner=FnApiRunner", *beam_args)} if beam_args else {}
    return run(digits(path), root=root, last="ingest", **more)


def rewrite(path: Path) -> None:
    """Store the same bytes again, a second later."""
    before = path.stat()
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))


def status(result) -> str:
    (execution,) = result.executions
    return execution.status


@pytest.mark.parametrize("scheme", ["box", "bucket"])
def test_what_was_ingested_is_reused_until_a_file_changes(scheme, folder, tmp_path):
    url, root = f"{scheme}://{folder}", tmp_path / "root"
    assert status(ingest(url, root)) == "made"
    assert status(ingest(url, root)) == "reused"
    rewrite(folder / IMAGES)  # a checksum sees that nothing changed, a time does not
    assert status(ingest(url, root)) == {"box": "made", "bucket": "reused"}[scheme]
    (folder / IMAGES).with_suffix("").write_bytes(b"")  # a plain file is preferred
    with pytest.raises(Exception, match="an empty file"):
        ingest(url, root)
    (folder / IMAGES).with_suffix("").unlink()
    assert status(ingest(url, root)) == "reused"


@pytest.mark.parametrize("scheme", ["box", "bucket"])
def test_a_schedule_sees_what_is_new_behind_a_url(scheme, folder, tmp_path):
    def key() -> str:
        return compute_data_key(digits(f"{scheme}://{folder}"), tmp_path, now=0.0)

    before = key()
    assert key() == before
    rewrite(folder / IMAGES)
    assert (key() == before) == (scheme == "bucket")
    (folder / IMAGES).write_bytes(b"others")
    assert key() != before


def test_file_systems_hear_of_beams_flags_when_the_plan_is_made(folder, tmp_path):
    ingest(f"box://{folder}", tmp_path / "root", "--hdfs_host=here")
    stores.Box.seen_options.clear()
    assert status(ingest(f"box://{folder}", tmp_path / "root", "--hdfs_host=here")) == "reused"
    (options,) = stores.Box.seen_options
    assert options.get_all_options()["hdfs_host"] == "here"


def test_a_url_that_no_file_system_knows_ends_the_run_before_anything_runs(tmp_path):
    with pytest.raises(ConfigError, match="no file system for nowhere://x"):
        ingest("nowhere://x", tmp_path / "root")
    assert not list((tmp_path / "root" / "artifacts").rglob("*"))


def test_a_cached_run_of_local_files_imports_no_beam(folder, tmp_path):
    ingest(str(folder), tmp_path / "root")
    words = ["run", "digits", "--until", "ingest", "--root", str(tmp_path / "root")]
    words += ["--set", "ingest.source=idx", "--set", f"ingest.path={folder}"]
    code = (
        "import sys\nfrom pipeline.cli.main import call\n"
        f"assert call({words!r}) == 0\n"
        "print('beam' if 'apache_beam' in sys.modules else 'no beam', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=HOME, capture_output=True, text=True)
    assert done.stderr.strip().endswith("no beam"), done.stderr
