from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from data.errors import ConfigError, EnvironmentTrouble
from data.sources import NAMES, Source, SourceConfig, chunk_size, get_stamp_function, make_source


class NoSource:
    def __init__(self, config: SourceConfig) -> None:
        self.read = config


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("idxx", {}, "did you mean 'idx'"),
        ("idx", {}, "needs ingest.path"),
        ("npz", {"data_dir": "x"}, "needs ingest.path"),
        ("tfds", {"version": "1.0.0"}, "needs ingest.name"),
        ("tfds_dir", {}, "needs ingest.path"),
        ("digits", {"path": "x"}, "cannot use ingest.path"),
        ("idx", {"path": "x", "options": {"a": 1}}, "cannot use ingest.options"),
        ("npz", {"path": "x", "options": {"a": 1}}, "cannot use ingest.options"),
        ("tfds", {"name": "mnist", "path": "x"}, "cannot use ingest.path"),
        ("idx", {"path": "nowhere://mnist"}, "Beam has no file system"),
        ("no.such.module:Source", {}, "cannot import"),
        ("data.sources:Sauce", {}, "did you mean 'Source'"),
    ],
)
def test_a_setting_that_makes_no_sense(name: str, settings: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make_source(name, SourceConfig(**settings))


def test_what_lacks_methods_is_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NAMES, "none", f"{__name__}:NoSource")
    with pytest.raises(ConfigError, match="a class without spec, parts, num_images"):
        make_source("none", SourceConfig())


@pytest.mark.parametrize(
    ("image_bytes", "images"),
    [(1, 2048), (784, 2048), (4096, 2048), (3 * 512 * 512, 10), (16384 * 16384 * 4, 1)],
)
def test_a_chunk_is_bounded_in_images_and_bytes(image_bytes: int, images: int) -> None:
    assert chunk_size(image_bytes) == images


def test_digits_are_scikit_learns_in_two_splits() -> None:
    source = pickle.loads(pickle.dumps(make_source("digits", SourceConfig())))
    assert isinstance(source, Source)
    chunks = {part.split: list(source.read(part)) for part in source.parts()}
    images = np.concatenate([c.images for s in ("train", "test") for c in chunks[s]])
    labels = np.concatenate([c.labels for s in ("train", "test") for c in chunks[s]])
    assert images.shape == (source.num_images(), *source.spec().shape) == (1797, 8, 8, 1)
    bunch = load_digits()
    theirs = {tuple(d.astype(int)): t for d, t in zip(bunch.data, bunch.target, strict=True)}
    ours = {
        tuple(np.rint(i.ravel() / 255 * 16).astype(int)): t
        for i, t in zip(images, labels, strict=True)
    }
    assert ours == theirs
    # 8 of 16 is 127.5 of 255, which rounds to even
    assert set(np.unique(images)) == {round(v * 255 / 16) for v in range(17)}
    share = sum(len(c.labels) for c in chunks["test"]) / 1797
    assert abs(share - 0.2) < 0.03


def test_digits_can_be_named() -> None:
    names = tuple("abcdefghij")
    assert make_source("digits", SourceConfig(class_names=names)).spec().class_names == names


def test_a_source_is_asked_for_its_stamp() -> None:
    def ask(source: str, **options: Any) -> str | None:
        asked = get_stamp_function(source, SourceConfig(options=options))
        return asked() if asked else None

    assert ask("own_sources:Stamped", word="one") == "one"
    assert ask("own_sources:Files") is None
    assert ask("own_sources:make_stamped", word="one") == "one"  # a function that makes one
    with pytest.raises(EnvironmentTrouble, match="failed") as caught:
        ask("own_sources:Stamped", word="down")
    assert "nobody listens" in str(caught.value.got)
    with pytest.raises(ConfigError, match="does not return a string"):
        ask("own_sources:Stamped", word=3)


def test_a_source_without_a_stamp_is_not_made_to_ask_it() -> None:
    assert get_stamp_function("own_sources:Wrong", SourceConfig()) is None  # which needs an option
