from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.errors import BadDataError
from data.spec import ImageSpec
from serving_export.bundle.manifest import write_manifest
from serving_export.model_store.layout import find_bundle_folder
from serving_export.model_store.push import push
from serving_export.predict import (
    Answer,
    BadImage,
    answer_for_files,
    predict_files,
    predict_images,
)

SPEC = ImageSpec(height=8, width=8, channels=1, class_names=("a", "b"))


@pytest.mark.slow
def test_a_pushed_model_answers_as_its_images_signature(
    bundle: Any, digits: Any, spec: ImageSpec, tmp_path: Path
) -> None:
    from serving_export.bundle.saved_model import load_bundle

    _, version = push(bundle.path, tmp_path / "serving", "digits", record={})
    paths = [tmp_path / f"{i}.png" for i in range(70)]  # more than one batch
    for path, image in zip(paths, digits.images, strict=False):
        Image.fromarray(image[..., 0]).save(path)
    wanted = load_bundle(bundle.path)("images", digits.images[:70])
    for folder in (version.parent, version):
        found = predict_files(folder, paths)
        assert [p.class_name.encode() for p in found] == wanted["class_name"].tolist()
        rows = np.array([list(p.probabilities.values()) for p in found])
        np.testing.assert_allclose(rows, wanted["probabilities"], atol=1e-6)
        assert [p.probability for p in found] == rows.max(axis=1).tolist()
        assert tuple(found[0].probabilities) == spec.class_names
    assert predict_files(version, []) == []
    assert predict_images(version, digits.images[:70]) == found


@pytest.mark.slow
def test_files_of_any_size_and_bad_ones_are_answered_in_their_order(
    photo_bundle: Path, photographs: list[Path], tmp_path: Path
) -> None:
    from serving_export.bundle.saved_model import load_bundle

    (tmp_path / "text.jpg").write_bytes(b"hello")
    (tmp_path / "folder.png").mkdir()
    files = [tmp_path / "text.jpg", *photographs[:5], tmp_path / "none.png", photographs[0]]
    files += [tmp_path / "folder.png", *photographs]  # more than one batch
    answers = list(answer_for_files(photo_bundle, files))
    assert [answer.name for answer in answers] == [str(file) for file in files]
    problems = {a.name: a.problem for a in answers if isinstance(a, BadImage)}
    assert problems == {
        str(tmp_path / "text.jpg"): "it is no JPEG, PNG, GIF, WebP or BMP",
        str(tmp_path / "none.png"): "it cannot be read: No such file or directory",
        str(tmp_path / "folder.png"): "it cannot be read: Is a directory",
    }
    good = [answer for answer in answers if isinstance(answer, Answer)]
    loaded = load_bundle(photo_bundle)
    for answer in good[:6]:
        file = Path(answer.name).read_bytes()
        np.testing.assert_array_equal(answer.image, loaded.read_image(file))
        served = loaded("serving_default", [file])["probabilities"][0]
        np.testing.assert_allclose([*answer.prediction.probabilities.values()], served, atol=1e-6)
    assert good[0].prediction == good[5].prediction  # the same file in one batch
    with pytest.raises(BadDataError) as caught:
        predict_files(photo_bundle, files)
    assert "text.jpg" in caught.value.what
    assert "it is no JPEG" in str(caught.value.got)


@pytest.mark.slow
def test_few_files_are_open_at_a_time(photo_bundle: Path, photographs: list[Path]) -> None:
    """Whoever asks for one answer has at most two batches of files read."""
    read = 0

    def count() -> Any:
        nonlocal read
        for path in photographs * 100:
            read += 1
            yield path

    answers = answer_for_files(photo_bundle, count())
    assert isinstance(next(answers), Answer)
    assert read <= 128
    answers.close()


@pytest.mark.slow
def test_a_flipped_bit_is_not_loaded(bundle: Any, tmp_path: Path) -> None:
    shutil.copytree(bundle.path, tmp_path / "1")
    weights = tmp_path / "1" / "variables" / "variables.data-00000-of-00001"
    content = bytearray(weights.read_bytes())
    content[100] ^= 4
    weights.write_bytes(content)
    with pytest.raises(BadDataError, match=weights.name):
        predict_files(tmp_path, [])


def test_pixels_of_another_shape_are_told_before_the_model_is_loaded(tmp_path: Path) -> None:
    write_manifest(tmp_path, SPEC, {})
    with pytest.raises(BadDataError, match="do not have the shape that the model expects"):
        predict_images(tmp_path, np.zeros((2, 8, 9, 1), np.uint8))


def test_the_highest_version_answers(tmp_path: Path) -> None:
    for version in ("2", "10", "9"):
        (tmp_path / version).mkdir()
        write_manifest(tmp_path / version, SPEC, {})
    assert find_bundle_folder(tmp_path) == tmp_path / "10"
    assert find_bundle_folder(tmp_path / "9") == tmp_path / "9"


@pytest.mark.parametrize("where", ["nowhere", "."])
def test_no_model_there(tmp_path: Path, where: str) -> None:
    with pytest.raises(BadDataError, match="not a model"):
        predict_files(tmp_path / where, [])
