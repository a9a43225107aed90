"""Waits are set by variables; the docs name them all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from docs_pages import names_in_table

from data.base.waits import SECONDS
from data.errors import ConfigError
from pipeline import exit_codes
from pipeline.cli.main import call
from pipeline.environment.wait_settings import read_waits


@pytest.fixture(autouse=True)
def before(monkeypatch):
    """What a test changes in the environment and among the waits is gone afterwards."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    kept = dict(SECONDS)
    yield
    SECONDS.update(kept)


def test_a_wait_is_set_by_its_variable():
    os.environ["PENSTOCK_WAIT_WORKER"] = "7.5"
    read_waits()
    assert SECONDS["WORKER"] == 7.5


@pytest.mark.parametrize("value", ["", "soon", "0", "-1", "inf", "nan"])
def test_one_that_is_no_time_is_refused(value):
    os.environ["PENSTOCK_WAIT_WORKER"] = value
    with pytest.raises(ConfigError, match="invalid PENSTOCK_WAIT_WORKER"):
        read_waits()


def test_one_that_nobody_knows_is_refused_by_every_command(capfd, tmp_path):
    os.environ["PENSTOCK_WAIT_WORKERS"] = "7"
    assert call(["runs", "--root", str(tmp_path)]) == exit_codes.BAD_CONFIG
    said = capfd.readouterr().err
    assert "unknown wait PENSTOCK_WAIT_WORKERS" in said
    assert "'PENSTOCK_WAIT_WORKER'" in said


def test_the_docs_name_them_all():
    assert names_in_table("how-to/runners.md", "`PENSTOCK_WAIT_…`") == set(SECONDS)


def test_each_is_waited_for_somewhere():
    sources = Path(__file__).parents[3]
    text = "".join(
        path.read_text()
        for package in ("data", "serving_export", "components", "pipeline")
        for path in (sources / package).rglob("*.py")
        if path.name != "waits.py"
    )
    assert {name for name in SECONDS if f'"{name}"' not in text} == set()
