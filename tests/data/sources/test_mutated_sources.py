"""Mutated datasets of every format: a clear error or exact counts, whatever the bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import mutated_sources
import pytest

PROGRAM = Path(mutated_sources.__file__)
GIB = 1 << 30

# TFDS reads its JSON files by a way that protobuf is about to end.
pytestmark = pytest.mark.filterwarnings(r"ignore:label\(\) is deprecated:DeprecationWarning")


@pytest.mark.parametrize("name", mutated_sources.FORMATS)
def test_mutations(name: str) -> None:
    """300 of each; a crash ends the process. TFDS reads 25 a second: 60 of those."""
    count = 60 if name == "tfds_dir" else 300
    check(mutated_sources.run(name, 0, count), count)


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", mutated_sources.FORMATS)
def test_10000_mutations(name: str) -> None:
    command = [sys.executable, "-X", "faulthandler", str(PROGRAM), name, "1000", "10000"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    print(name, done.stdout.splitlines()[-1])
    report = json.loads(done.stdout.splitlines()[-1])
    check(report, 10_000)
    assert report["slowest"][0] < 5


def check(report: dict[str, Any], count: int) -> None:
    outcomes = report["outcomes"]
    assert sum(outcomes.values()) == count
    assert outcomes.keys() <= {"read", "read, with bad files", "refused"}
    assert min(outcomes.get("read", 0), outcomes["refused"]) > 0
    assert report["grown"] < GIB
