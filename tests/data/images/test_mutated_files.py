from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import mutated_images
import pytest

GIB = 1 << 30
PROGRAM = Path(mutated_images.__file__)


def check(counts: dict[str, Any], count: int) -> None:
    assert sum(counts["outcomes"].values()) == count
    assert counts["outcomes"]["read"] > 0
    assert counts["slowest"][0] < 5
    assert counts["growth"][0] < GIB


@pytest.fixture(scope="module")
def read() -> Any:
    return mutated_images.make_reader()


@pytest.mark.parametrize("kind", mutated_images.KINDS)
def test_300_mutated_files(kind: str, read: Any) -> None:
    """Pixels or an error with a reason; a crash ends the process."""
    check(mutated_images.count_outcomes(kind, 0, 300, read), 300)


@pytest.mark.torture
@pytest.mark.parametrize("kind", mutated_images.KINDS)
def test_10000_mutated_files(kind: str) -> None:
    command = [sys.executable, str(PROGRAM), kind, "1000", "10000"]
    done = subprocess.run(command, capture_output=True, text=True, errors="backslashreplace")
    assert done.returncode == 0, done.stderr[-2000:]
    print(kind, done.stdout.splitlines()[-1])
    check(json.loads(done.stdout.splitlines()[-1]), 10_000)
