"""Prepared datasets of images of several sizes: the files as stored, their labels and splits."""

from __future__ import annotations

import pickle
import shutil
from collections import Counter
from pathlib import Path

import pytest
import stores  # noqa: F401  (Beam finds its file systems)
import tfds_sets

from components import ingest
from components.context import Context
from data.errors import BadDataError, ConfigError
from data.examples.tfrecord import read_records
from data.files.tfrecord_frames import frame_record
from data.sources import SourceConfig, make_source
from data.sources.file_source import FileSource, ImageFile
from data.sources.prepared import tfds_prepared

# TFDS reads its JSON files by a way that protobuf is about to end.
pytestmark = pytest.mark.filterwarnings(r"ignore:label\(\) is deprecated:DeprecationWarning")


def make(photos: Path, **settings) -> FileSource:
    source = make_source("tfds_dir", SourceConfig(path=str(photos), **settings))
    assert isinstance(source, FileSource)
    return pickle.loads(pickle.dumps(source))


def files_of(source: FileSource) -> list[ImageFile]:
    return [file for part in source.list_parts() for file in source.read_files(part)]


def expected(*splits: str) -> Counter:
    return Counter(
        (tfds_sets.photo(own, index), tfds_sets.CLASSES[index % 3])
        for own in splits
        for index in range(tfds_sets.SPLITS[own])
    )


@pytest.mark.parametrize("most", [4096, 7])
@pytest.mark.parametrize("scheme", ["", "box://", "bucket://"])
def test_the_bytes_are_those_that_were_stored(photos, most, scheme, monkeypatch) -> None:
    monkeypatch.setattr(tfds_prepared, "_PART_FILES", most)
    source = make_source("tfds_dir", SourceConfig(path=f"{scheme}{photos}"))
    found = files_of(source)
    assert Counter((f.content, f.label) for f in found) == expected("train", "valid")
    assert [f.name for f in found] == [f"train/{n}" for n in range(20)] + [
        f"valid/{n}" for n in range(6)
    ]
    assert source.class_names() == tfds_sets.CLASSES
    assert source.given_splits() == {None, "validation"}  # a test split can be cut
    assert source.describe() == "images from image, labels from label; not used: extra"
    parts = source.list_parts()
    assert [part.files for part in parts] == ([7, 7, 6, 6] if most == 7 and not scheme else [20, 6])
    assert all(part.size for part in parts)


def test_by_name(photos: Path) -> None:
    config = SourceConfig(name="photos", data_dir=str(photos.parents[1]))
    source = make_source("tfds", config)
    source.prepare()
    assert files_of(source) == files_of(make(photos))


@pytest.mark.parametrize(
    ("column", "names"),
    [("label", tfds_sets.CLASSES), ("name", tfds_sets.CLASSES), ("number", ("1", "2", "3"))],
)
def test_labels_are_classes_texts_or_numbers(photos, column, names) -> None:
    first = 1 if column == "number" else 0
    source = make(photos, label_column=column, first_label=first)
    assert source.class_names() == names
    as_classes = dict(zip(names, tfds_sets.CLASSES, strict=True))
    found = Counter((file.content, as_classes[file.label]) for file in files_of(source))
    assert found == expected("train", "valid")


def test_texts_and_numbers_get_the_given_names(photos: Path) -> None:
    names = ("über fox", "dog", "cat")
    source = make(photos, label_column="name", class_names=names)
    assert source.class_names() == names
    assert Counter((f.content, f.label) for f in files_of(source)) == expected("train", "valid")
    with pytest.raises(BadDataError, match=r"a class that ingest\.class_names does not name"):
        make(photos, label_column="name", class_names=("cat", "dog", "wolf")).class_names()
    source = make(photos, label_column="number", class_names=("none", *tfds_sets.CLASSES))
    assert Counter((f.content, f.label) for f in files_of(source)) == expected("train", "valid")


def test_numbers_that_do_not_begin_with_the_first_label(photos: Path) -> None:
    with pytest.raises(BadDataError, match="have gaps"):
        make(photos, label_column="number").class_names()
    with pytest.raises(ConfigError, match=r"ingest\.first_label has no use"):
        make(photos, first_label=1).class_names()


def test_an_image_without_a_class_is_a_bad_file(photos: Path) -> None:
    source = make(photos, splits={"train": "train", "test": "extra"})
    bad = [file for file in files_of(source) if file.problem]
    assert [(f.content, f.split, f.problem) for f in bad] == [
        (b"", "test", "no class has its label, -1")
    ]


def test_images_of_several_sizes_are_not_transposed(photos: Path) -> None:
    for transpose in (False, True):
        with pytest.raises(ConfigError, match=r"cannot use ingest\.transpose"):
            make(photos, transpose=transpose)


def test_slices_become_splits(photos: Path) -> None:
    splits = {"train": "train[:50%]+extra[:3]", "validation": "train[75%:]", "test": "valid"}
    source = make(photos, splits=splits)
    found = {(file.name, file.split) for file in files_of(source)}
    assert found == {
        *((f"train/{n}", "train") for n in range(10)),
        *((f"extra/{n}", "train") for n in range(3)),
        *((f"train/{n}", "validation") for n in range(15, 20)),
        *((f"valid/{n}", "test") for n in range(6)),
    }
    assert "not used: 5 of 20 images of train, 1 of 4 images of extra" in source.describe()


def test_another_feature_is_the_image(photos: Path) -> None:
    found = files_of(make(photos, image_column="mask"))
    assert len(found) == 26
    assert {file.content[:4] for file in found} == {b"\x89PNG"}


def test_examples_are_those_of_an_image_folder(photos: Path, tmp_path: Path) -> None:
    """The same images with the same labels in the same splits, and the same pixels."""
    folder = tfds_sets.write_photos(tmp_path / "photos")
    shutil.rmtree(folder / "extra")
    (folder / "valid").rename(folder / "validation")
    settings = {"height": 8, "width": 8, "fit": "pad", "test_share": 0.3}
    made = {}
    for source, path in (("image_folder", folder), ("tfds_dir", photos)):
        for store in ("raw", "encoded"):
            output = tmp_path / source / store
            output.mkdir(parents=True)
            config = ingest.Config(source=source, path=str(path), store=store, **settings)
            examples = ingest.run(ingest.Inputs(), config, Context(output_dir=output)).examples
            made[source, store] = {
                split: Counter(read_records(examples, split, range(sum(counts))))
                for split, counts in examples.counts.items()
            }
            assert set(examples.counts) == {"train", "validation", "test"}
    assert made["tfds_dir", "raw"] == made["image_folder", "raw"]
    assert made["tfds_dir", "encoded"] == made["image_folder", "encoded"]


def test_a_damaged_file(photos: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(photos, tmp_path / "copy")
    (shard,) = copy.glob("photos-valid.tfrecord*")
    shard.write_bytes(frame_record(b"no example") * 6)
    with pytest.raises(BadDataError, match="cannot be read as labelled images"):
        files_of(make(copy))
