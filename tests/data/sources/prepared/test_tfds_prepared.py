"""The sources on top of TensorFlow Datasets: what they refuse, and that parts make a whole."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import image_files
import numpy as np
import peak_memory
import pytest
import stores
import tensorflow as tf
import tensorflow_datasets as tfds
from read_arrays import read_splits

from data.errors import BadDataError, ConfigError, EnvironmentTrouble
from data.files.tfrecord_frames import FRAME_BYTES, masked_crc
from data.sources import SourceConfig, make_source
from data.sources.prepared import tfds_prepared
from data.sources.prepared.tfds_images import read_header_size

# TFDS reads its JSON files by a way that protobuf is about to end.
pytestmark = pytest.mark.filterwarnings(r"ignore:label\(\) is deprecated:DeprecationWarning")

RNG = np.random.default_rng(0)
NAMES = ("left", "right", "none")
SPLITS = {
    "train": (RNG.integers(0, 256, (25, 6, 5, 3), dtype=np.uint8), np.arange(25) % 3),
    "test": (RNG.integers(0, 256, (8, 6, 5, 3), dtype=np.uint8), np.arange(8) % 3),
}
UINT8 = tfds.features.Image(shape=(6, 5, 3))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory, store_tfds: Callable[..., Path]) -> Path:
    """Holds the prepared dataset `arrows`."""
    folder = tmp_path_factory.mktemp("tfds")
    store_tfds(folder, "arrows", UINT8, SPLITS, NAMES)
    return folder


def sources(data_dir: Path, **settings) -> list:
    """The same dataset by name, as a directory, and as one behind a URL."""
    by_name = SourceConfig(name="arrows", data_dir=str(data_dir), **settings)
    as_folder, *behind_urls = (
        SourceConfig(path=f"{scheme}{data_dir}/arrows/3.0.1", **settings)
        for scheme in ("", "box://", "bucket://")
    )
    made = [make_source("tfds", by_name), make_source("tfds_dir", as_folder)]
    made += [make_source("tfds_dir", config) for config in behind_urls]
    made[0].prepare()
    return made


def images_of(source, split: str) -> list[tuple[bytes, int]]:
    parts = [part for part in pickle.loads(pickle.dumps(source)).parts() if part.split == split]
    chunks = [chunk for part in parts for chunk in source.read(part)]
    return [(i.tobytes(), int(n)) for c in chunks for i, n in zip(c.images, c.labels, strict=True)]


@pytest.mark.parametrize("part_images", [20_000, 10])
def test_parts_in_order_are_the_split(data_dir: Path, part_images: int, monkeypatch) -> None:
    monkeypatch.setattr(tfds_prepared, "_PART_IMAGES", part_images)
    whole = {}
    for split in SPLITS:  # in the order of the shards, which is TFDS's own
        examples = tfds.builder("arrows", data_dir=data_dir).as_dataset(split=split)
        whole[split] = [(e["image"].numpy().tobytes(), int(e["label"])) for e in examples]
    for source in sources(data_dir):
        assert source.spec().shape == (6, 5, 3)
        assert source.spec().class_names == NAMES
        assert source.num_images() == 33
        for split, (images, labels) in SPLITS.items():
            found = images_of(source, split)
            assert found == whole[split]
            wanted = [(i.tobytes(), int(n)) for i, n in zip(images, labels, strict=True)]
            assert sorted(found) == sorted(wanted)


def test_classes_can_be_renamed_one_by_one(data_dir: Path) -> None:
    for source in sources(data_dir, class_names=("a", "b", "c")):
        assert source.spec().class_names == ("a", "b", "c")
    for source in sources(data_dir, class_names=("a", "b")):
        with pytest.raises(BadDataError, match="does not match the classes"):
            source.spec()


def test_emnist_is_transposed_and_says_so(tmp_path: Path, store_tfds) -> None:
    store_tfds(tmp_path, "emnist", UINT8, SPLITS, NAMES)

    def make(**settings):
        path = str(tmp_path / "emnist" / "3.0.1")
        return make_source("tfds_dir", SourceConfig(path=path, **settings))

    stored = make(transpose=False)
    assert (stored.spec().height, stored.spec().width) == (6, 5)
    assert "rows and columns" not in stored.describe()
    for source, said in ((make(), True), (make(transpose=True), False)):
        assert (source.spec().height, source.spec().width) == (5, 6)
        assert ("rows and columns are exchanged" in source.describe()) == said
        own, swapped = read_splits(stored), read_splits(source)
        for split, (images, _) in SPLITS.items():
            assert len(own[split][0]) == len(images)
            np.testing.assert_array_equal(swapped[split][0], own[split][0].swapaxes(1, 2))


@pytest.mark.parametrize("version", ["3.0.1", "3.*.*", None])
def test_a_version_that_is_there(data_dir: Path, version: str | None) -> None:
    assert sources(data_dir)[0].num_images() == 33
    config = SourceConfig(name="arrows", version=version, data_dir=str(data_dir))
    assert make_source("tfds", config).num_images() == 33


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"name": "mnits"}, "did you mean .*'mnist'"),
        ({"name": "arrows", "version": "9.9.9"}, "cannot load 'arrows:9.9.9'"),
        ({"name": "mnist", "version": "9.9.9"}, "cannot load 'mnist:9.9.9'"),
        ({"name": "arrows", "version": "newest"}, "cannot load 'arrows:newest'"),
    ],
)
def test_a_dataset_that_tfds_does_not_have(data_dir: Path, settings: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make_source("tfds", SourceConfig(data_dir=str(data_dir), **settings)).prepare()


def test_a_preparation_that_fails_is_the_environments_trouble(tmp_path: Path) -> None:
    (tmp_path / "digits_of_mine.txt").write_text("a file where TFDS wants a folder")
    config = SourceConfig(name="mnist", data_dir=str(tmp_path / "digits_of_mine.txt" / "x"))
    with pytest.raises(EnvironmentTrouble, match="could not be prepared"):
        make_source("tfds", config).prepare()


@pytest.mark.parametrize("what", ["png", "jpeg", "gif"])
def test_an_image_of_another_size_is_not_decoded(tmp_path: Path, store_tfds, what: str) -> None:
    """TFDS itself would decode a few KB to 64 MB, several at a time, and then look at the size."""
    grey = {split: (images[..., :1], labels) for split, (images, labels) in SPLITS.items()}
    feature = tfds.features.Image(shape=(6, 5, 1))
    folder = store_tfds(tmp_path, "vast", feature, grey, NAMES)
    source = make_source("tfds_dir", SourceConfig(path=str(folder)))
    assert source.spec().shape == (6, 5, 1)
    images_of(source, "test")
    (shard,) = folder.glob("vast-train.tfrecord*")
    file = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image_files.VAST[what]()]))
    label = tf.train.Feature(int64_list=tf.train.Int64List(value=[0]))
    features = tf.train.Features(feature={"image": file, "label": label})
    with tf.io.TFRecordWriter(str(shard)) as writer:
        for _ in range(25):
            writer.write(tf.train.Example(features=features).SerializeToString())

    def refused() -> None:
        with pytest.raises(BadDataError, match="as labelled images") as caught:
            images_of(source, "train")
        assert "an image that is not 6 high and 5 wide" in str(caught.value.got)

    assert peak_memory.growth(refused) < 40_000_000  # TFDS's own work; decoded each takes 64 MB


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_the_size_that_a_header_tells_is_pillow_s(kind: str) -> None:
    for height, width in ((1, 1), (6, 5), (300, 2), (70, 65_000)):
        file = image_files.to_file(np.zeros((height, width, 3), np.uint8), kind)
        assert read_header_size(tf.constant(file)).numpy().tolist() == [height, width]
    assert read_header_size(tf.constant(b"something else")).numpy().tolist() == [-1, -1]


def test_images_that_are_not_uint8(tmp_path: Path, store_tfds) -> None:
    floats = {s: (i.astype(np.float32), n) for s, (i, n) in SPLITS.items()}
    feature = tfds.features.Tensor(shape=(6, 5, 3), dtype=np.float32)
    folder = store_tfds(tmp_path, "floats", feature, floats, NAMES)
    with pytest.raises(BadDataError, match="float32"):
        make_source("tfds_dir", SourceConfig(path=str(folder))).spec()


def no_image(folder: Path) -> None:
    path = folder / "features.json"
    features = json.loads(path.read_text())
    fields = features["featuresDict"]["features"]
    fields["picture"] = fields.pop("image")
    path.write_text(json.dumps(features))


def flip(folder: Path) -> None:
    (shard,) = folder.glob("arrows-train.tfrecord*")
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)


def claim(length: int) -> Callable[[Path], None]:
    """The header of the second record claims so many bytes, with the right checksum."""

    def edit(folder: Path) -> None:
        (shard,) = folder.glob("arrows-train.tfrecord*")
        content, head = shard.read_bytes(), struct.pack("<Q", length)
        second = int.from_bytes(content[:8], "little") + FRAME_BYTES
        shard.write_bytes(content[:second] + head + masked_crc(head) + content[second + 12 :])

    return edit


def rename(template: str) -> Callable[[Path], None]:
    """The template of the shards' names is damaged."""

    def edit(folder: Path) -> None:
        path = folder / "dataset_info.json"
        info = json.loads(path.read_text())
        for split in info["splits"]:
            split["filepathTemplate"] = template
        path.write_text(json.dumps(info))

    return edit


@pytest.mark.parametrize("length", [2**40, 2**62])
@pytest.mark.parametrize("scheme", ["", "box://"])
def test_a_record_that_claims_more_than_there_is_ends_no_process(
    data_dir: Path, tmp_path: Path, length: int, scheme: str
) -> None:
    shutil.copytree(data_dir / "arrows" / "3.0.1", tmp_path / "dataset")
    claim(length)(tmp_path / "dataset")
    source = make_source("tfds_dir", SourceConfig(path=f"{scheme}{tmp_path}/dataset"))
    with pytest.raises(BadDataError, match=r"arrows-train.*is damaged: record 1 cannot be read"):
        images_of(source, "train")
    assert len(images_of(source, "test")) == 8


@pytest.mark.parametrize(
    "edit",
    [
        no_image,
        flip,
        rename("{DATASET}-{NOWHERE}.{FILEFORMAT}"),
        rename("{}"),
        rename("{DATASET.nothing}"),
        rename("{DATASET}-{SPLIT}.{FILEFORMAT}" + 1000 * "a" + "-{SHARD_X_OF_Y}"),
        rename("no-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"),
        lambda folder: (folder / "dataset_info.json").unlink(),
        lambda folder: (folder / "dataset_info.json").write_text("{"),
        lambda folder: (folder / "features.json").unlink(),
        lambda folder: (folder / "features.json").write_text("{}"),
        lambda folder: next(folder.glob("arrows-train.tfrecord*")).unlink(),
        lambda folder: next(folder.glob("arrows-train.tfrecord*")).write_bytes(b""),
    ],
    ids=[
        "feature",
        "flip",
        "template",
        "template {}",
        "template with an attribute",
        "long template",
        "other template",
        "info",
        "info {",
        "features",
        "features {}",
        "shard",
        "empty shard",
    ],
)
@pytest.mark.parametrize("scheme", ["", "box://"])
def test_a_damaged_directory(data_dir: Path, tmp_path: Path, edit, scheme: str) -> None:
    shutil.copytree(data_dir / "arrows" / "3.0.1", tmp_path / "dataset")
    edit(tmp_path / "dataset")
    with pytest.raises(BadDataError) as caught:
        images_of(
            make_source("tfds_dir", SourceConfig(path=f"{scheme}{tmp_path}/dataset")), "train"
        )
    error = caught.value
    assert all((error.expected, error.got, error.follows, error.remedy)), error
    assert len(str(error)) < 1500


def test_of_a_directory_behind_a_url_only_what_is_read_is_fetched(
    data_dir: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    source = make_source("tfds_dir", SourceConfig(path=f"box://{data_dir}/arrows/3.0.1"))
    (part,) = (part for part in source.parts() if part.split == "test")
    stores.Box.opened.clear()
    for _ in source.read(part):
        assert len(list(tmp_path.rglob("*.tfrecord*"))) == 1
    shards = [name for name in stores.Box.opened if "tfrecord" in name]
    assert len(shards) == 1
    assert "test" in shards[0]
    assert list(tmp_path.glob("penstock-*")) == []  # nothing of ours stays behind


def test_a_directory_that_is_not_there_or_closed(tmp_path: Path, unprivileged) -> None:
    with pytest.raises(BadDataError, match="does not exist"):
        make_source("tfds_dir", SourceConfig(path=str(tmp_path / "nowhere")))
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    with unprivileged(), pytest.raises(EnvironmentTrouble, match="cannot be read"):
        make_source("tfds_dir", SourceConfig(path=str(closed)))
