from __future__ import annotations

import gzip
import json
import pickle
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apache_beam as beam
import idx_files
import numpy as np
import own_files
import parquet_files
import pytest
import stores
import tensorflow as tf
import tensorflow_datasets as tfds
import tfrecord_files
from apache_beam.io.filesystems import FileSystems
from apache_beam.testing import test_pipeline
from apache_beam.testing.util import assert_that, equal_to
from tfx_bsl.tfxio.tf_example_record import TFExampleRecord

from components import ingest
from components.artifacts import Examples
from components.context import Context
from data.batches.sequential import read_batches
from data.errors import BadDataError, ConfigError, EnvironmentTrouble
from data.examples import write
from data.examples.artifact import load_examples
from data.examples.splits import SplitShares
from data.examples.tfrecord import read_records
from data.sources import SourceConfig, make_source

# TFDS reads its JSON files by a way that protobuf is about to end.
pytestmark = pytest.mark.filterwarnings(r"ignore:label\(\) is deprecated:DeprecationWarning")

NAMES = tuple("0123456789")
REMOTE = [
    "idx, gzip",
    "idx, plain",
    "npz",
    "parquet",
    "tfds_dir",
]  # forms that are read by URL as well


@pytest.fixture(scope="module")
def digits() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """scikit-learn's digits by split: images (n, 8, 8, 1) uint8, labels (n,)."""
    source = make_source("digits", SourceConfig())
    chunks = {part.split: list(source.read(part)) for part in source.parts()}
    return {s: tuple(map(np.concatenate, zip(*c, strict=True))) for s, c in chunks.items()}


@pytest.fixture(scope="module")
def settings_of(digits, tmp_path_factory, store_tfds) -> dict[str, dict]:
    """The digits in every form that a source reads: name of the form → settings of Ingest."""
    folder = tmp_path_factory.mktemp("forms")
    for compress in (True, False):
        idx_files.write_idx(folder / f"idx {compress}", **digits, compress=compress)
    arrays = {f"{a}_{s}": both[i] for s, both in digits.items() for i, a in enumerate("xy")}
    np.savez_compressed(folder / "digits.npz", **arrays)
    (folder / "npy").mkdir()
    for split, (images, labels) in digits.items():
        (folder / "csv").mkdir(exist_ok=True)
        rows = np.column_stack([labels, images.reshape(-1, 64)])
        np.savetxt(folder / "csv" / f"{split}.csv", rows, "%d", ",")
    for split, (images, labels) in digits.items():
        np.save(folder / "npy" / f"{split}_images.npy", images)
        np.save(folder / "npy" / f"{split}_labels.npy", labels)
    image = tfds.features.Image(shape=(8, 8, 1))
    # a name that TFDS has code for, whose download must not be tried
    prepared = store_tfds(folder / "tfds", "mnist", image, digits, NAMES)
    by_name = {"name": "mnist", "version": "3.0.1", "data_dir": str(folder / "tfds")}
    own_files.write_image_folder(folder / "png", digits, NAMES)
    own_files.write_table(folder / "png", folder / "digits.csv", digits, NAMES)
    parquet_files.write_folder(folder / "parquet", digits, NAMES)
    forms = {
        "digits": {"source": "digits"},
        "image_folder": {"source": "image_folder", "path": str(folder / "png")},
        "table": {
            "source": "table",
            "path": str(folder / "digits.csv"),
            "images": str(folder / "png"),
        },
        "idx, gzip": {"source": "idx", "path": str(folder / "idx True")},
        "idx, plain": {"source": "idx", "path": str(folder / "idx False")},
        "npz": {"source": "npz", "path": str(folder / "digits.npz")},
        "pixels_csv": {"source": "pixels_csv", "path": str(folder / "csv")},
        "own": {"source": "own_sources:Files", "path": str(folder / "npy")},
        "parquet": {"source": "parquet", "path": str(folder / "parquet")},
        "tfds": {"source": "tfds", **by_name},
        "tfds_dir": {"source": "tfds_dir", "path": str(prepared)},
        "tfrecord": {"source": "tfrecord", "path": str(write_tfrecords(folder / "raw", digits))},
        "tfrecord, png": {"source": "tfrecord", "path": str(prepared)},
    }
    for form in REMOTE:
        forms[f"{form}, box"] = {**forms[form], "path": f"box://{forms[form]['path']}"}
    return forms


def write_tfrecords(folder: Path, splits: Any) -> Path:
    for split, both in splits.items():
        records = tfrecord_files.make_pixels(*both)
        tfrecord_files.write_tfrecord(folder / f"{split}-00000-of-00001", records, "GZIP")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Examples]:
    """A function that ingests with the given settings into a folder of its own."""

    def ingest_with(*beam_args: str, progress: Any = None, **settings: Any) -> Examples:
        folder = tmp_path_factory.mktemp("out")
        more: dict[str, Any] = {"progress": progress} if progress else {}
        context = Context(output_dir=folder, beam_args=("--runner=FnApiRunner", *beam_args), **more)
        config = ingest.Config(**settings)
        try:
            made = ingest.run(ingest.Inputs(), config, context).examples
        except BaseException:
            assert list(folder.iterdir()) == []  # nothing half written, whatever the error
            raise
        assert list(folder.iterdir()) == [made.path]
        assert load_examples(made.path) == made
        return made

    return ingest_with


@pytest.fixture(scope="module")
def quarter(run) -> Examples:
    """The digits, a quarter of train as validation."""
    return run(source="digits", validation_share=0.25)


def pairs(images: Any, labels: Any) -> Counter:
    return Counter((np.asarray(i).tobytes(), int(n)) for i, n in zip(images, labels, strict=True))


def content(examples: Examples, split: str) -> Counter:
    """The split's (pixels, label) and how often each occurs."""
    found: Counter = Counter()
    for images, labels in read_batches(examples, split, batch_size=500).as_numpy_iterator():
        found += pairs(images, labels)
    return found


def records(examples: Examples) -> dict[str, bytes]:
    """Each split's shards, one behind the other."""
    return {
        split: b"".join(shard.read_bytes() for shard in examples.shards(split))
        for split in examples.counts
    }


def count_records(examples: Examples, split: str) -> Counter:
    return Counter(read_records(examples, split, range(examples.num_examples(split))))


FORMS = ["digits", "idx, gzip", "idx, plain", "image_folder", "npz", "own", "table", "tfds"]
FORMS += ["parquet", "pixels_csv", "tfds_dir", "tfrecord", "tfrecord, png"]
REORDERED = (
    "image_folder",
    "parquet",
    "table",
    "tfds",
    "tfds_dir",
    "tfrecord, png",
)  # by name; TFDS shuffles what it stores


@pytest.mark.parametrize("form", FORMS)
def test_the_same_images_give_the_same_examples_by_any_source(
    form: str, settings_of, digits, run, quarter
) -> None:
    examples = run(**settings_of[form], validation_share=0.25)
    train = content(examples, "train") + content(examples, "validation")
    assert train == pairs(*digits["train"])
    assert content(examples, "test") == pairs(*digits["test"])
    assert examples.counts == quarter.counts
    # A model of image files takes more formats than one of arrays.
    assert examples.spec.shape == quarter.spec.shape
    assert examples.spec.class_names == quarter.spec.class_names
    assert content(examples, "validation") == content(quarter, "validation")
    if form not in REORDERED:
        assert records(examples) == records(quarter)
    for split in ("train", "validation", "test"):
        assert count_records(examples, split) == count_records(quarter, split)


def test_the_counts_are_those_of_the_labels(run, digits) -> None:
    examples = run(source="digits")
    assert list(examples.counts) == ["train", "test"]
    for split, (_, labels) in digits.items():
        assert examples.counts[split] == tuple(np.bincount(labels))
    written = json.loads((examples.path / "examples.json").read_text())
    assert written["counts"]["test"] == list(examples.counts["test"])
    assert written["source"]["source"] == "digits"


def test_tfds_reads_the_examples_as_a_dataset(quarter) -> None:
    examples = quarter
    builder = tfds.builder_from_directory(examples.path)
    assert builder.info.features["label"].names == list(NAMES)
    for split in ("train", "validation", "test"):
        assert builder.info.splits[split].num_examples == examples.num_examples(split)
        found = [(e["image"], e["label"]) for e in builder.as_dataset(split=split)]
        assert pairs(*zip(*found, strict=True)) == content(examples, split)
    assert builder.info.dataset_size == sum(map(len, records(examples).values()))


def rows(batch: Any) -> list[tuple[bytes, int]]:
    columns = [batch.column(name).flatten().to_pylist() for name in ("image", "label")]
    return list(zip(*columns, strict=True))


def test_tfx_reads_the_examples_as_arrow(quarter) -> None:
    shards = [str(shard) for shard in quarter.shards("test")]
    with test_pipeline.TestPipeline("FnApiRunner") as pipeline:
        found = pipeline | TFExampleRecord(file_pattern=shards).BeamSource() | beam.FlatMap(rows)
        assert_that(found, equal_to(list(content(quarter, "test").elements())))


def test_validation_is_a_part_of_train_that_its_own_pixels_choose(
    run, settings_of, digits, quarter, tmp_path
) -> None:
    examples = quarter
    train, validation = (content(examples, s) for s in ("train", "validation"))
    assert not set(train) & set(validation)
    assert train + validation == pairs(*digits["train"])
    share = validation.total() / (train.total() + validation.total())
    assert abs(share - 0.25) < 0.05
    # others in other order beside them: each image stays on its side
    order = np.random.default_rng(0).permutation(len(digits["train"][1]))[:700]
    folder = tmp_path / "some"
    folder.mkdir()
    for name, array in (("images", 0), ("labels", 1)):
        np.save(folder / f"train_{name}.npy", digits["train"][array][order])
        np.save(folder / f"test_{name}.npy", digits["test"][array])
    some = run(source="own_sources:Files", path=str(folder), validation_share=0.25)
    assert set(content(some, "validation")) <= set(validation)
    assert set(content(some, "train")) <= set(train)
    # and a larger share only adds
    more = run(**settings_of["own"], validation_share=0.5)
    assert set(validation) < set(content(more, "validation"))


def test_parts_chunks_shards_and_threads_do_not_change_the_records(
    run, settings_of, quarter, monkeypatch
) -> None:
    wanted = records(quarter)
    monkeypatch.setattr(write, "SHARD_BYTES", 10_000)
    for options, beam_args in (
        ({"chunk": 7}, ()),
        ({"parts": 5, "chunk": 50}, ()),
        ({"parts": 5}, ("--direct_num_workers=2", "--direct_running_mode=multi_threading")),
    ):
        settings = {**settings_of["own"], "options": options, "validation_share": 0.25}
        made, again = (run(*beam_args, **settings) for _ in range(2))
        assert len(made.shards("train")) > 3
        assert records(made) == wanted
        sizes = [len(shard.read_bytes()) for shard in made.shards("train")]
        assert sizes == [len(shard.read_bytes()) for shard in again.shards("train")]


def test_every_file_is_the_same_each_time(run, quarter) -> None:
    made, again = quarter, run(source="digits", validation_share=0.25)
    files = sorted(p.name for p in made.path.iterdir())
    assert files == sorted(p.name for p in again.path.iterdir())
    for name in files:
        assert (made.path / name).read_bytes() == (again.path / name).read_bytes(), name


@pytest.mark.parametrize("how", ["float", "size", "fewer labels", "label", "negative", "text"])
def test_a_chunk_that_is_not_as_the_spec_says(run, settings_of, how: str) -> None:
    settings = {**settings_of["own"], "source": "own_sources:Wrong", "options": {"how": how}}
    with pytest.raises(BadDataError, match="got:"):
        run(**settings)


def test_a_bug_in_ones_own_source_says_what_it_said(run, settings_of) -> None:
    settings = {**settings_of["own"], "source": "own_sources:Wrong", "options": {"how": "raises"}}
    with pytest.raises(Exception, match="a bug of the user's"):
        run(**settings)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": "own_sources:Nothing"}, "'train' is empty"),
        ({"source": "own_sources:OtherSplit"}, "unknown split 'valid'"),
        ({"options": {"promise": 7}}, "another number of images"),
        ({"validation_share": 1e-9}, "'validation' is empty"),
        ({"validation_share": 1 - 1e-9}, "'train' is empty"),
        ({"class_names": ("cat", "dog")}, "out of range"),
    ],
)
def test_splits_that_do_not_add_up(run, settings_of, changes: dict, words: str) -> None:
    with pytest.raises(BadDataError, match=words):
        run(**{**settings_of["own"], **changes})


def test_images_without_a_split_are_cut_by_their_pixels(run, settings_of, quarter) -> None:
    settings = {**settings_of["own"], "source": "own_sources:Unsplit", "validation_share": 0.25}
    made = run(**settings, test_share=0.2)  # the share by which digits cuts its test split
    for split in quarter.counts:
        assert content(made, split) == content(quarter, split)
    with pytest.raises(BadDataError, match="'test' is empty"):
        run(**settings)


@pytest.mark.parametrize("cut", [20, -1])
def test_what_is_found_only_while_reading_leaves_nothing(
    run, digits, tmp_path, cut, monkeypatch
) -> None:
    monkeypatch.setattr("data.sources.source.CHUNK_IMAGES", 100)
    folder = idx_files.write_idx(tmp_path / "idx", **digits)
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(
        path.read_bytes()[:cut]
        if cut < 0
        else gzip.compress(gzip.decompress(path.read_bytes())[:-cut])
    )
    with pytest.raises(BadDataError, match=str(path)):
        run(source="idx", path=str(folder))


@pytest.mark.parametrize("form", REMOTE)
def test_records_are_the_same_behind_a_url(form: str, settings_of, run) -> None:
    local, remote = (run(**settings_of[name]) for name in (form, f"{form}, box"))
    assert records(local) == records(remote)


def test_file_systems_hear_of_beams_flags_before_anything_is_read(run, settings_of) -> None:
    stores.Box.seen_options.clear()
    run("--hdfs_host=here", **settings_of["npz, box"])
    hosts = {options.get_all_options()["hdfs_host"] for options in stores.Box.seen_options}
    assert hosts == {"here"}


def test_a_source_takes_beams_flags_along_to_a_worker_that_has_none(settings_of) -> None:
    for form in REMOTE:
        settings = dict(settings_of[f"{form}, box"], beam_args=("--hdfs_host=there",))
        source = pickle.dumps(make_source(settings.pop("source"), SourceConfig(**settings)))
        FileSystems.set_options(None)
        stores.Box.seen_options.clear()
        arrived = pickle.loads(source)
        if hasattr(arrived, "read_files"):
            assert sum(1 for p in arrived.list_parts() for _ in arrived.read_files(p)) == 1797
        else:
            assert sum(len(c.labels) for p in arrived.parts() for c in arrived.read(p)) == 1797
        hosts = {options.get_all_options()["hdfs_host"] for options in stores.Box.seen_options}
        assert hosts == {"there"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"source": "idxx"}, "did you mean 'idx'"),
        ({"validation_share": 1.0}, "validation_share is out of range"),
        ({"validation_share": -0.1}, "validation_share is out of range"),
        ({"validation_share": float("nan")}, "validation_share is out of range"),
        ({"class_names": ("one",)}, "class_names does not name"),
        ({"class_names": ("a", "a")}, "class_names does not name"),
        ({"class_names": ("a", "")}, "class_names does not name"),
        ({"source": "idx"}, "needs ingest.path"),
        ({"path": "somewhere"}, "cannot use ingest.path"),
    ],
)
def test_settings_that_make_no_sense(run, settings: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        run(**settings)


def test_progress_ends_at_all_images(run) -> None:
    seen: list[tuple] = []
    run(source="digits", progress=lambda *a: seen.append(a))
    assert seen[-1][:2] == (1797, 1797)
    assert all(0 <= done <= 1797 for done, _, _ in seen)


def test_what_it_depends_on(tmp_path: Path) -> None:
    for name in ("b", "a/c", ".hidden", "a/.git/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")

    def depends(**settings: Any) -> tuple:
        found = ingest.depends(ingest.Config(**settings))
        return found.modules, found.files

    assert depends() == (("data.sources.arrays.digits",), ())
    files = (tmp_path / "a" / "c", tmp_path / "b")
    assert depends(source="idx", path=str(tmp_path)) == (("data.sources.arrays.idx",), files)
    assert depends(source="mine:Source", path=str(files[1])) == (("mine",), files[1:])
    assert depends(source="npz", path=str(tmp_path / "nowhere"))[1] == ()
    assert depends(source="npz", path="gs://some/where")[1] == ()
    assert ingest.depends(ingest.Config(source="npz", path="gs://some/where")).urls == (
        "gs://some/where",
    )


def test_class_folders_that_are_links_count(tmp_path: Path) -> None:
    for name in ("photos/cats/a", "data/dogs/b"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    data, config = tmp_path / "data", ingest.Config(source="idx", path=str(tmp_path / "data"))
    (data / "cats").symlink_to(tmp_path / "photos/cats")
    (data / "again").symlink_to(data)
    assert ingest.depends(config).files == (data / "cats" / "a", data / "dogs" / "b")
    (data / "gone").symlink_to("nowhere")
    with pytest.raises(BadDataError, match="data/gone is a broken link"):
        ingest.depends(config)


def test_a_link_that_may_not_be_followed(unprivileged) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own is closed to others
        folder, closed = Path(name, "data"), Path(name, "closed")
        folder.mkdir()
        closed.mkdir()
        (closed / "images").touch()
        for link in (".hidden", "images"):
            (folder / link).symlink_to(closed / "images")
        for path in (Path(name), folder):
            path.chmod(0o755)
        closed.chmod(0)
        words = "data/images cannot be read"
        with unprivileged(), pytest.raises(EnvironmentTrouble, match=words):
            ingest.depends(ingest.Config(source="idx", path=str(folder)))
        (folder / "images").unlink()
        with unprivileged():  # what is hidden is not looked at
            assert ingest.depends(ingest.Config(source="idx", path=str(folder))).files == ()
        closed.chmod(0o755)


def test_asking_what_it_depends_on_loads_no_library(tmp_path: Path) -> None:
    code = (
        "import sys; from components import ingest; ingest.depends(ingest.Config());"
        f"ingest.depends(ingest.Config(source='idx', path={str(tmp_path)!r}));"
        "ingest.depends(ingest.Config(source='idx', path='gs://some/where'));"
        "print(*{'numpy', 'tensorflow', 'apache_beam', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_pipeline_carries_no_images(tmp_path: Path) -> None:
    arrays = {"x": np.zeros((5000, 28, 28), np.uint8), "y": np.arange(5000) % 10}
    path = tmp_path / "zeros.npz"
    np.savez(path, **{f"{a}_{s}": v for a, v in arrays.items() for s in ("train", "test")})
    source = make_source("npz", SourceConfig(path=str(path)))
    pipeline = beam.Pipeline("FnApiRunner")
    transform = write.WriteExamples(
        source, SplitShares(validation=0.1), tmp_path / "a", tmp_path / "b"
    )
    _ = pipeline | transform
    assert len(pickle.dumps(source)) < 5_000
    assert pipeline.to_runner_api().ByteSize() < 50_000


def test_shards_of_bundles_that_were_tried_again_are_left_behind(run, quarter, monkeypatch) -> None:
    finish = write.WriteShards.finish_bundle

    def and_an_orphan(self: Any) -> Any:
        (self._folder / "0.tfrecord").write_bytes(b"half of a bundle that died")
        return finish(self)

    monkeypatch.setattr(write.WriteShards, "finish_bundle", and_an_orphan)
    assert records(run(source="digits", validation_share=0.25)) == records(quarter)


def test_tensorflow_reads_what_was_written_without_it(quarter, digits) -> None:
    shards = [str(shard) for shard in quarter.shards("test")]
    parsed = [tf.train.Example.FromString(r.numpy()) for r in tf.data.TFRecordDataset(shards)]
    images, labels = digits["test"]
    assert [e.features.feature["label"].int64_list.value[0] for e in parsed] == labels.tolist()
    pixels = [e.features.feature["image"].bytes_list.value[0] for e in parsed]
    assert pixels == [image.tobytes() for image in images]
