"""Provide fixtures for the tests of several packages."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import fake_google
import hypothesis
import pytest
from filelock import FileLock

from data.base.unneeded_imports import skip_unneeded_imports

# As the command line does, see there.
skip_unneeded_imports()
gc.set_threshold(50_000, 20, 20)
# A shell lets what it starts in the background ignore Ctrl-C; tests press it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Processes of pytest-xdist have a width of 80; where no terminal is, lines are not wrapped.
os.environ.pop("COLUMNS", None)

# The same examples every time, and no stopwatch: a busy machine is no failure.
hypothesis.settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("repeatable")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the files with the most slow tests first, so that no process ends long after others."""
    files = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -files[item.path])


def pytest_collection_finish() -> None:
    """Exempt imported libraries from garbage collection, since they stay."""
    gc.collect()
    gc.freeze()


def _shared_folder(config: pytest.Config) -> Path:
    """The session's temporary folder, the same for all processes."""
    folder: Path = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    # Each process of pytest-xdist has a folder of its own in that of the session.
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def make_once(pytestconfig: pytest.Config) -> Callable[..., Path]:
    """`make_once(name, fill)` makes a folder by `fill(folder)`, once for all processes."""
    session = _shared_folder(pytestconfig)

    def make(name: str, fill: Callable[[Path], None]) -> Path:
        done, unfinished = session / name, session / f"{name}-unfinished"
        with FileLock(f"{done}.lock"):
            if not done.exists():
                fill(unfinished)
                unfinished.rename(done)
        return done

    return make


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., None]:
    """`wait_until(holds, what)` waits until `holds()`; the bound is for a machine that hangs."""

    def wait(holds: Callable[[], bool], what: str = "it") -> None:
        end = time.monotonic() + 600
        while not holds():
            assert time.monotonic() < end, f"{what} never came"
            time.sleep(0.02)

    return wait


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Let Google's client libraries talk to `fake_google`."""
    from google.oauth2.credentials import Credentials

    fake = fake_google.FakeGoogle()
    with fake_google.serving(fake):
        monkeypatch.setattr("google.auth.default", lambda **_: (Credentials("token"), None))
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake.url)
        monkeypatch.setattr("apache_beam.internal.gcp.auth._Credentials._credentials_init", False)
        yield fake


@pytest.fixture
def unprivileged() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Return a context in which permissions hold, even where the tests run as root.

    Files that the test makes are readable by others, whatever the umask.
    """

    @contextmanager
    def drop() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    mask = os.umask(0o022)
    yield drop
    os.umask(mask)


@pytest.fixture(scope="session")
def store_tfds() -> Callable[..., Path]:
    """Return a function that prepares a TensorFlow Datasets set from arrays, offline.

    `store(data_dir, name, image_feature, {"train": (images, labels), …}, class_names)` returns
    the folder of the version, 3.0.1.
    """

    def store(data_dir, name, image_feature, splits, class_names) -> Path:
        import tensorflow as tf
        import tensorflow_datasets as tfds

        label = tfds.features.ClassLabel(names=list(class_names))
        tfds.dataset_builders.store_as_tfds_dataset(
            name=name,
            version="3.0.1",
            features=tfds.features.FeaturesDict({"image": image_feature, "label": label}),
            split_datasets={
                split: tf.data.Dataset.from_tensor_slices({"image": images, "label": labels})
                for split, (images, labels) in splits.items()
            },
            data_dir=str(data_dir),
        )
        return Path(data_dir, name, "3.0.1")

    return store


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Make the environment of a reader of the documentation, with small data in HOME.

    ~/mnist and ~/fashion_mnist are IDX files, ~/spans has a folder of them for each of three days,
    ~/seven.png is an image. Each class is a bright patch, so that every recipe passes its gate.
    """
    import idx_files
    import numpy as np
    from PIL import Image

    home = tmp_path_factory.mktemp("home")

    def arrays(count: int, seed: int) -> tuple[Any, Any]:
        noise = np.random.default_rng(seed)
        labels = np.arange(count) % 10
        images = noise.integers(0, 6, (count, 28, 28, 1), np.uint8)
        for image, label in zip(images, labels, strict=True):
            row, column = label // 5 * 14, label % 5 * 5
            image[row : row + 14, column : column + 5] = 250
        return images, labels

    train, test = arrays(1500, 0), arrays(500, 1)
    for name in ("mnist", "fashion_mnist"):
        idx_files.write_idx(home / name, train, test)
    for day in (18, 19, 20):
        folder = home / "spans" / f"day-2026-11-{day}"
        idx_files.write_idx(folder, arrays(300, day), arrays(300, day + 100))
        (folder / "_SUCCESS").touch()
    Image.fromarray(test[0][7, ..., 0]).save(home / "seven.png")
    return {"HOME": str(home)}


def _real_data(name: str) -> Path:
    """Find a dataset in the folder that PENSTOCK_TEST_DATA names."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("PENSTOCK_TEST_DATA", beside)) / name
    if not folder.is_dir():
        pytest.skip(f"no {folder}: put its files there, or set PENSTOCK_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """The folder of MNIST's IDX files."""
    return _real_data("mnist")


@pytest.fixture(scope="session")
def fashion_dir() -> Path:
    """The folder of Fashion-MNIST's IDX files."""
    return _real_data("fashion_mnist")


@pytest.fixture(scope="session")
def mnist_part(mnist_dir: Path, make_once: Callable[..., Path]) -> Path:
    """IDX files of a sixth of MNIST, 10,000 images and 2,000 of the test split."""
    import idx_files

    return make_once("mnist-part", lambda at: idx_files.copy_part(mnist_dir, at, 10_000, 2_000))


@pytest.fixture(scope="session")
def fashion_part(fashion_dir: Path, make_once: Callable[..., Path]) -> Path:
    """IDX files of a sixth of Fashion-MNIST, 10,000 images and 2,000 of the test split."""
    import idx_files

    return make_once("fashion-part", lambda at: idx_files.copy_part(fashion_dir, at, 10_000, 2_000))


@pytest.fixture(scope="session")
def sign_digits_dir() -> Path:
    """The folder of the photographs of sign_digits and their table."""
    return _real_data("sign_digits")


@pytest.fixture
def few_images_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluate asks about 20 images alone, not 100: else it calls each bundle 354 times."""
    monkeypatch.setattr("serving_export.parity.batch_independence.NUMBER", 20)


@pytest.fixture(autouse=True)
def no_secrets_from_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the secrets that the test before has read."""
    monkeypatch.setattr("data.redaction._secrets", set())


@pytest.fixture(autouse=True)
def no_root_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore a root that the environment names: tests name their own."""
    monkeypatch.delenv("PENSTOCK_ROOT", raising=False)
