"""The photographs of `tfds_sets`, prepared once."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="package")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the version of the dataset `photos`; its data_dir is two levels up."""
    import tfds_sets

    return tfds_sets.prepare(tmp_path_factory.mktemp("photos"))
