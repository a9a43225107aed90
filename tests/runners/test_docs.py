"""What README and docs show on clusters and with other schedulers, and what takes minutes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clusters
import docs_pages
import pytest

pytestmark = [pytest.mark.runners, pytest.mark.timeout(1800)]
SERVERS = {
    "flink": ("docs/how-to/runners.md",),
    "minutes": (
        "docs/how-to/own-code.md",
        "docs/how-to/schedule.md",
        "docs/how-to/sources/digits.md",
        "docs/how-to/sources/idx.md",
        "docs/how-to/sources/image-folder.md",
        "docs/how-to/sources/npz.md",
        "docs/how-to/sources/cifar-binary.md",
        "docs/how-to/sources/pixels-csv.md",
        "docs/how-to/sources/own.md",
        "docs/how-to/sources/parquet.md",
        "docs/how-to/sources/table.md",
        "docs/how-to/sources/tfds.md",
        "docs/how-to/sources/tfds-dir.md",
        "docs/how-to/sources/tfrecord.md",
        "docs/how-to/training.md",
        "docs/reference/recipes.md",
        "docs/tutorials/your-photographs.md",
    ),
    "photos": (
        "docs/how-to/sources/image-folder.md",
        "docs/how-to/sources/own.md",
        "docs/how-to/sources/table.md",
        "docs/reference/recipes.md",
        "docs/tutorials/your-photographs.md",
    ),
    "crontab": ("docs/how-to/emit.md",),
    "systemd-analyze": ("docs/how-to/emit.md",),
    "airflow": ("docs/how-to/emit.md",),
    "kubernetes": ("docs/how-to/emit.md",),
}
# By what a page's commands stand for here: nothing of the machine's own is touched.
PROGRAMS = {
    "crontab": """
        case $1 in
        -l) echo "no crontab for $USER" >&2; exit 1;;
        -) cat >$HOME/crontab; exec {crontab} -n $HOME/crontab;;
        esac
        """,
    "airflow": 'exec {fetched}/airflow/bin/python -m airflow "$@"',
    "kubernetes-validate": 'exec {fetched}/kubernetes/bin/python -m kubernetes_validate "$@"',
}


@pytest.fixture(scope="module")
def machine(reader, tmp_path_factory) -> dict[str, str]:
    """The reader's environment, with the programs of other schedulers."""
    folder = tmp_path_factory.mktemp("programs")
    names = {"fetched": clusters.FETCHED, "crontab": shutil.which("crontab")}
    for name, script in PROGRAMS.items():
        (folder / name).write_text(f"#!/bin/sh\n{script.format(**names)}")
        (folder / name).chmod(0o755)
    return {
        **reader,
        "PATH": f"{folder}:{os.environ['PATH']}",
        "AIRFLOW_HOME": f"{reader['HOME']}/airflow",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }


@pytest.fixture
def follow(machine, tmp_path) -> Callable[..., str]:
    def run(page: str, *has: str, **more: Any) -> str:
        more = {"only_needing": True, **more}
        environment = {**machine, **more.pop("environment", {})}
        return docs_pages.run_page(page, tmp_path, environment, has=has, **more)

    return run


def test_every_block_that_needs_something_runs_below():
    blocks = [block for page in docs_pages.pages() for block in docs_pages.blocks_of(page)]
    found = {(need, block.page) for block in blocks for need in block.needs}
    assert found == {(need, page) for need, pages in SERVERS.items() for page in pages}


@pytest.mark.parametrize("page", SERVERS["flink"])
def test_a_page_runs_on_a_cluster(page, flink, pool, follow):
    flags = " ".join(flink.external(pool))
    printed = follow(page, "flink", environment={"FLAGS": flags})
    assert "cancelled" in printed


@pytest.fixture(scope="module")
def photos(machine, sign_digits_dir) -> None:
    """The photographs of 30 persons in ~/signs and ~/photos, and one as a camera made it."""
    home = Path(machine["HOME"])
    header, *rows = (sign_digits_dir / "labels.csv").read_text().splitlines()
    chosen = [row for row in rows if row.rpartition(",")[2] < "p030"]
    for name in (row.partition(",")[0] for row in chosen):
        (home / "signs" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(sign_digits_dir / name, home / "signs" / name)
    (home / "signs" / "labels.csv").write_text("\n".join([header, *chosen]))
    (home / "photos").symlink_to(home / "signs" / "images")
    largest = max(
        (sign_digits_dir / "images" / "7").iterdir(), key=lambda file: file.stat().st_size
    )
    shutil.copy(largest, home / "hand.jpg")


@pytest.mark.parametrize("page", SERVERS["minutes"])
def test_what_takes_minutes(page, follow, tmp_path, request):
    if page in SERVERS["photos"]:
        request.getfixturevalue("photos")
    has = ("minutes", "photos")
    printed = follow(page, *has, only_needing=page != "docs/how-to/schedule.md")
    if page == "docs/how-to/own-code.md":
        assert "\npassed\n" in printed
        assert "1,406 train, 391 test" in printed
    if page == "docs/how-to/training.md":
        files = tmp_path.glob("here/.penstock/artifacts/train/*/model/history.json")
        losses = [json.loads(file.read_text())["loss"] for file in files]
        own = [loss for loss in losses if len(loss) == 3]  # of the user's own code
        assert (len(losses), len(own)) == (6, 3)
        assert all(loss[2] < loss[0] for loss in own)


def test_the_other_schedulers_take_what_is_emitted(machine, follow):
    needs = [need for need, pages in SERVERS.items() if pages == ("docs/how-to/emit.md",)]
    if reason := clusters.missing(*needs):
        pytest.skip(reason)
    home = Path(machine["HOME"])
    migrate = ["airflow", "db", "migrate"]
    subprocess.run(migrate, env={**os.environ, **machine}, check=True, capture_output=True)
    printed = follow("docs/how-to/emit.md", *needs, only_needing=False)
    assert (home / "penstock/serving/digits/1/saved_model.pb").is_file()  # by Airflow
    assert "passed" in printed  # by kubernetes-validate
