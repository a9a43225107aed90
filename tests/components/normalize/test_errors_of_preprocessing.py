"""A preprocessing_fn that can be analyzed and fails on the images is refused before training."""

from __future__ import annotations

import pytest

from components import ingest, normalize
from components.context import Context
from data.errors import ConfigError


def test_one_that_fails_on_images_is_named(tmp_path):
    for name in ("ingest", "normalize"):
        (tmp_path / name).mkdir()
    context = Context(output_dir=tmp_path / "ingest")
    examples = ingest.run(ingest.Inputs(), ingest.Config(source="digits"), context).examples
    config = normalize.Config(preprocessing_fn="own_preprocessing:dark_only")
    with pytest.raises(ConfigError) as caught:
        normalize.run(
            normalize.Inputs(examples=examples), config, Context(output_dir=tmp_path / "normalize")
        )
    assert "preprocessing_fn" in caught.value.what
    assert "InvalidArgumentError" in caught.value.got
    assert "normalize.preprocessing_fn" in caught.value.remedy
