"""Mutated tables: a clear error or exact counts, whatever the bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import mutated_tables
import pytest

PROGRAM = Path(mutated_tables.__file__)


@pytest.mark.parametrize("kind", mutated_tables.KINDS)
def test_300_mutated_tables(kind: str) -> None:
    check(mutated_tables.run(kind, 0, 300), 300)


@pytest.mark.torture
@pytest.mark.parametrize("kind", mutated_tables.KINDS)
def test_10000_mutated_tables(kind: str) -> None:
    command = [sys.executable, "-X", "faulthandler", str(PROGRAM), kind, "1000", "10000"]
    done = subprocess.run(command, capture_output=True, text=True, errors="backslashreplace")
    assert done.returncode == 0, done.stderr[-2000:]
    print(kind, done.stdout.splitlines()[-1])
    report = json.loads(done.stdout.splitlines()[-1])
    check(report, 10_000)
    assert report["cpu_seconds"] < 5


def check(report: dict[str, Any], count: int) -> None:
    assert sum(report["outcomes"].values()) == count
    assert report["outcomes"].keys() <= {"read", "read, with bad files", "refused"}
    assert report["grown"] < 1 << 30
