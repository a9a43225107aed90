"""Mutated datasets of every format: a clear error or exact counts, whatever the bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import mutated_sources
import peak_memory
import pytest

from data.errors import BadDataError
from data.sources import SourceConfig, make_source

PROGRAM = Path(mutated_sources.__file__)
GIB = 1 << 30

# TFDS reads its JSON files by a way that protobuf is about to end.
pytestmark = pytest.mark.filterwarnings(r"ignore:label\(\) is deprecated:DeprecationWarning")


@pytest.mark.parametrize("name", mutated_sources.FORMATS)
def test_mutations(name: str) -> None:
    """A crash ends the process."""
    check(mutated_sources.run(name, 0, 300), 300)


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", mutated_sources.FORMATS)
def test_10000_mutations(name: str) -> None:
    """In ten processes: TFDS keeps about 0.1 MB of each dataset that it has opened."""
    outcomes = Counter[str]()
    for first in range(1000, 11_000, 1000):
        command = [sys.executable, "-X", "faulthandler", str(PROGRAM), name, str(first), "1000"]
        done = subprocess.run(command, capture_output=True, text=True, errors="backslashreplace")
        assert done.returncode == 0, done.stderr[-2000:]
        print(name, first, done.stdout.splitlines()[-1])
        report = json.loads(done.stdout.splitlines()[-1])
        check(report, 1000)
        assert report["slowest"][0] < 5
        outcomes.update(report["outcomes"])
    print(name, dict(outcomes))


@pytest.mark.torture
@pytest.mark.parametrize("fill", [b"\0", b"1,", b'"'])
def test_a_line_of_1_gb_is_refused_without_memory(fill: bytes, tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    with path.open("wb") as file:
        file.write(b"label,pixel0,pixel1,pixel2,pixel3\n0,1,2,3,4\n")
        if fill == b"\0":
            file.truncate(1_000_000_000)  # a hole
        else:
            block = fill * (1 << 20)
            for _ in range(1_000_000_000 // len(block)):
                file.write(block)

    def read() -> None:
        source = make_source("pixels_csv", SourceConfig(path=str(path)))
        for part in source.parts():
            list(source.read(part))

    def refuse() -> None:
        with pytest.raises(BadDataError):
            read()

    assert peak_memory.growth(refuse) < GIB


def check(report: dict[str, Any], count: int) -> None:
    outcomes = report["outcomes"]
    assert sum(outcomes.values()) == count
    assert outcomes.keys() <= {"read", "read, with bad files", "refused"}
    assert min(outcomes.get("read", 0), outcomes["refused"]) > 0
    assert report["grown"] < GIB
