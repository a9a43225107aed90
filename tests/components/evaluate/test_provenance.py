from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from components.evaluate.provenance import (
    describe_spans,
    digest_split,
    identify_data,
    read_code_versions,
)
from data.examples.artifact import Examples


def test_versions_are_those_installed_and_unknown_without_an_installation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = read_code_versions()
    assert found.keys() > {"penstock", "tensorflow"}
    assert found == {name: version(name) for name in found}
    monkeypatch.setattr(sys, "path", [])
    assert read_code_versions() == dict.fromkeys(found, "unknown")


def test_a_split_is_named_by_its_bytes(
    write_examples: Callable[..., Examples], tmp_path: Path
) -> None:
    examples, same, other = (
        write_examples(tmp_path / name, np.arange(images))
        for name, images in (("a", 9), ("b", 9), ("c", 8))
    )
    digest = digest_split(examples, "test")
    assert identify_data(examples, "test") == {"digest": digest}
    assert digest == digest_split(same, "test") != digest_split(other, "test")


def test_spans_are_named_with_the_versions_that_they_have() -> None:
    one, two = {"span": "06", "version": None}, {"span": "07", "version": 2}
    late = {"span": "08", "version": 3, "state": "damaged", "why": "no labels"}
    taken, left_out = describe_spans({"spans": [one, two], "left_out": [late]})
    assert (taken, left_out) == ("spans 06, 07 v2", "left out: 08 v3 (damaged, no labels)")
    assert describe_spans({"spans": [one], "left_out": []}) == ("spans 06", "")
