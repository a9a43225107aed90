"""Photographs that change while they are ingested: nothing is sealed, whatever may be left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components import ingest
from data.errors import InputChanged
from data.sources.file_source import FilePart, ImageFile
from data.sources.image_files.image_folder import ImageFolderSource
from pipeline import exit_codes
from pipeline.config.graph import PipelineConfig, Step
from pipeline.run import run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for index in range(12):
        file = tmp_path / "photos" / "ab"[index % 2] / f"{index}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4), 20 * index, np.uint8)).save(file)
    return tmp_path / "photos"


@pytest.mark.parametrize("content", [None, b"no image"])
def test_a_file_that_changes_after_the_plan_ends_the_run(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    file, root = photos / "a" / "0.png", tmp_path / "root"
    read_files = ImageFolderSource.read_files

    def change_and_read(self: ImageFolderSource, part: FilePart) -> Iterator[ImageFile]:
        if content is None:
            file.unlink(missing_ok=True)
        else:
            file.write_bytes(content)
        return read_files(self, part)

    monkeypatch.setattr(ImageFolderSource, "read_files", change_and_read)
    settings = {"height": 4, "width": 4, "channels": 1, "test_share": 0.5, "max_bad_share": 0.5}
    config = ingest.Config(source="image_folder", path=str(photos), **settings)
    step = Step(name="ingest", component="components.ingest", config=config)
    with pytest.raises(InputChanged, match=r"0\.png") as raised:
        run(PipelineConfig(name="photos", steps=(step,)), root=root)
    assert exit_codes.map_error(raised.value) == exit_codes.ENVIRONMENT
    assert not list(root.glob("artifacts/*/*/manifest.json"))
