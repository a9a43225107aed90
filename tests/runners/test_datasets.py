"""Parquet that the library datasets writes: the same Examples as from the files themselves."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import clusters
import numpy as np
import pytest
from PIL import Image

from components import ingest
from components.artifacts import Examples
from components.context import Context
from data.errors import BadDataError
from data.examples.tfrecord import read_records
from data.sources import SourceConfig, make_source

pytestmark = [
    pytest.mark.runners,
    # TFDS reads its JSON files by a way that protobuf is about to end.
    pytest.mark.filterwarnings(r"ignore:label\(\) is deprecated:DeprecationWarning"),
]
PROGRAM = Path(__file__).parents[1] / "support" / "write_datasets.py"
NAMES = tuple("0123456789")


@pytest.fixture(scope="module")
def photographs(sign_digits_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some photographs of each class, as train/CLASS/NAME.jpg and test/CLASS/NAME.jpg."""
    folder = tmp_path_factory.mktemp("photographs")
    for name in NAMES:
        files = sorted((sign_digits_dir / "images" / name).iterdir())[:8]
        for index, file in enumerate(files):
            path = folder / ("test" if index % 4 == 3 else "train") / name / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(file)
    return folder


@pytest.fixture(scope="module")
def digits(mnist_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first images of MNIST, as PNG files in the same layout."""
    folder = tmp_path_factory.mktemp("digits")
    source: Any = make_source("idx", SourceConfig(path=str(mnist_dir)))
    for part in source.parts():
        chunk = next(source.read(part))
        for index in range(150):
            label = NAMES[chunk.labels[index]]
            path = folder / part.split / label / f"{part.index}_{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.asarray(chunk.images[index, ..., 0])).save(path)
    return folder


def write(images: Path, folder: Path, *, embed: bool) -> None:
    """Write a folder of images by datasets, in its own environment."""
    if reason := clusters.missing("datasets"):
        pytest.skip(reason)
    splits = {
        split: [
            (str(file), NAMES.index(file.parent.name))
            for file in sorted((images / split).glob("*/*"))
        ]
        for split in ("train", "test")
    }
    job = {"folder": str(folder), "names": NAMES, "splits": splits, "embed": embed}
    path = folder / "job.json"
    path.write_text(json.dumps(job))
    python = clusters.FETCHED / "datasets" / "bin" / "python"
    env = {"HF_HOME": str(folder / ".hf"), "HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([python, PROGRAM, path], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    path.unlink()


def run(folder: Path, **settings: Any) -> Examples:
    folder.mkdir()
    config = ingest.Config(validation_share=0.2, **settings)
    return ingest.run(ingest.Inputs(), config, Context(output_dir=folder)).examples


def records(examples: Examples) -> dict[str, Counter[bytes]]:
    return {
        split: Counter(read_records(examples, split, range(examples.num_examples(split))))
        for split in examples.counts
    }


@pytest.mark.parametrize(
    ("images", "settings"),
    [
        ("digits", {}),
        ("photographs", {"height": 32, "width": 32, "fit": "pad", "store": "encoded"}),
    ],
)
def test_the_same_examples_as_from_the_files(
    images: str, settings: dict[str, Any], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(images)
    written = tmp_path / "written"
    written.mkdir()
    write(folder, written, embed=True)
    assert len(list(written.glob("data/*.parquet"))) == 6
    made = run(tmp_path / "a", source="parquet", path=str(written), **settings)
    expected = run(tmp_path / "b", source="image_folder", path=str(folder), **settings)
    assert made.spec == expected.spec
    assert made.counts == expected.counts
    assert list(made.counts) == ["train", "validation", "test"]
    assert records(made) == records(expected)


def test_images_that_are_not_embedded_are_told_as_what_they_are(
    digits: Path, tmp_path: Path
) -> None:
    write(digits, tmp_path, embed=False)
    with pytest.raises(BadDataError) as caught:
        run(tmp_path / "a", source="parquet", path=str(tmp_path / "data"))
    assert "embeds images in push_to_hub(), but in to_parquet() only their paths" in str(
        caught.value.got
    )
