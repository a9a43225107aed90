from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import BadDataError, StepError
from data.spec import ImageSpec
from serving_export.clean_process import (
    CleanProcess,
    start_spare_process,
    stop_spare_process,
    use_clean_process,
)
from serving_export.parity.check import (
    MAX_IMAGES,
    WORKER,
    Parity,
    check_parity,
    compare_in_process,
    measure_transform_difference,
    record_parity,
)

slow = pytest.mark.slow
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def recording(
    tmp_path_factory: pytest.TempPathFactory,
    bundle: Any,
    center: Path,
    spec: ImageSpec,
    digits: Any,
) -> Path:
    path = tmp_path_factory.mktemp("parity") / "parity.npz"
    record_parity(
        path,
        model=bundle.model,
        transform_path=center,
        spec=spec,
        model_output=bundle.output,
        images=digits.images,
        model_inputs=fed(center, digits),
    )
    return path


def fed(transform_path: Path, digits: Any) -> np.ndarray:
    """What the model is fed for the first images, as Train records it."""
    import tensorflow as tf

    from serving_export.bundle.transform_graph import TransformFn

    return np.asarray(TransformFn(transform_path)(tf.cast(digits.images[:100], tf.float32)))


@slow
def test_the_recording_is_the_trained_models(recording: Path, bundle: Any, digits: Any) -> None:
    recorded = np.load(recording)
    np.testing.assert_array_equal(recorded["images"], digits.images[:MAX_IMAGES])
    centered = digits.images[:MAX_IMAGES] - digits.images[:100].mean(dtype=np.float64)
    powers = np.exp(bundle.model.predict(centered / 255, verbose=0))
    wanted = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(recorded["probabilities"], wanted, atol=1e-5)


@slow
def test_a_clean_process_sees_no_difference_bit_for_bit(
    recording: Path, bundle: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "__init__.py").write_text("raise SystemExit('the wrong data')")
    monkeypatch.chdir(tmp_path)
    seen: list[tuple[Any, ...]] = []
    parity = check_parity(
        bundle.path, recording, digest=bundle.digest, progress=lambda *step: seen.append(step)
    )
    assert parity == Parity(
        images=MAX_IMAGES,
        tolerance=1e-5,
        max_difference=0.0,
        bit_for_bit=True,
        by_signature={"images": 0.0, "serving_default": 0.0, "examples": 0.0},
    )
    assert [done for done, *_ in seen] == [0, *range(100, MAX_IMAGES + 1, 100)]


@slow
def test_the_model_is_fed_as_in_training_bit_for_bit(
    recording: Path, bundle: Any, center: Path, digits: Any, tmp_path: Path
) -> None:
    import tensorflow as tf

    from serving_export.bundle.transform_graph import TransformFn

    saved = tf.saved_model.load(str(bundle.path))
    assert "transform_images" not in saved.signatures
    assert measure_transform_difference(saved, recording) == 0.0
    served = saved.transform_images(digits.images[:100]).numpy()
    assert served.tobytes() == np.load(recording)["model_inputs"].tobytes()
    # Inside tf.data, TensorFlow divides where it else multiplies by the inverse: 1 unit in the last
    transform = TransformFn(center)
    images = tf.data.Dataset.from_tensor_slices(digits.images[:100]).batch(100)
    (batch,) = images.map(lambda x: transform(tf.cast(x, tf.float32))).as_numpy_iterator()
    np.savez(tmp_path / "data.npz", images=digits.images, model_inputs=batch)
    assert measure_transform_difference(saved, tmp_path / "data.npz") <= 2**-24


@slow
@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda fed: fed + np.float32(0.25), pytest.approx(0.25, abs=1e-6)),
        (lambda fed: fed * np.float32(255), pytest.approx(254 * 0.69, rel=0.1)),
        (lambda fed: np.where(fed > 0, np.nan, fed), pytest.approx(np.nan, nan_ok=True)),
        (lambda fed: fed.reshape(100, -1), np.inf),
        (lambda fed: fed[:0], 0.0),
        (lambda fed: np.rint(fed).astype(np.int64), pytest.approx(0.5, abs=0.01)),
    ],
)
def test_another_transform_graph_shows(
    recording: Path, bundle: Any, tmp_path: Path, change: Any, difference: Any
) -> None:
    import tensorflow as tf

    recorded = dict(np.load(recording))
    recorded["model_inputs"] = change(recorded["model_inputs"])
    np.savez(tmp_path / "other.npz", **recorded)
    saved = tf.saved_model.load(str(bundle.path))
    assert measure_transform_difference(saved, tmp_path / "other.npz") == difference


@slow
def test_what_was_not_recorded_is_not_compared(
    recording: Path, bundle: Any, tmp_path: Path
) -> None:
    import tensorflow as tf

    recorded = dict(np.load(recording))
    del recorded["model_inputs"]
    np.savez(tmp_path / "other.npz", **recorded)
    saved = tf.saved_model.load(str(bundle.path))
    assert measure_transform_difference(saved, tmp_path / "other.npz") is None
    tf.saved_model.save(tf.Module(), str(tmp_path / "without"))
    without = tf.saved_model.load(str(tmp_path / "without"))
    assert measure_transform_difference(without, recording) == np.inf


def altered(recording: Path, path: Path, change: float) -> Path:
    recorded = dict(np.load(recording))
    recorded["probabilities"][517, 3] += np.float32(change)
    np.savez(path, **recorded)
    return path


@slow
@pytest.mark.parametrize("change", [3e-3, np.nan])
def test_a_difference_beyond_the_tolerance_stops(
    recording: Path, bundle: Any, tmp_path: Path, change: float
) -> None:
    other = altered(recording, tmp_path / "other.npz", change)
    with pytest.raises(StepError, match="differ from those of the trained model") as caught:
        check_parity(bundle.path, other, 1e-3)
    assert ("nan" if np.isnan(change) else "0.003") in str(caught.value)


@slow
def test_the_comparison_equals_numpy(
    recording: Path, bundle: Any, digits: Any, tmp_path: Path
) -> None:
    """In this process: the child's own function, against differences made on purpose."""
    from serving_export.parity.worker import compare

    npz = altered(recording, tmp_path / "other.npz", 1e-4)
    job = {"bundle": str(bundle.path), "npz": str(npz), "digest": None}
    result = compare(job, lambda *_: None)
    assert result["images"] == MAX_IMAGES
    for difference, same in result["differences"].values():
        assert difference == pytest.approx(1e-4, abs=1e-6)
        assert not same


@slow
def test_what_cannot_be_read_is_bad_data(recording: Path, bundle: Any, tmp_path: Path) -> None:
    from serving_export.parity.worker import compare

    def job(**changed: Path) -> dict[str, Any]:
        paths = {"bundle": bundle.path, "npz": recording, **changed}
        return {**{name: str(path) for name, path in paths.items()}, "digest": bundle.digest}

    (tmp_path / "cut.npz").write_bytes(recording.read_bytes()[:5000])
    for npz in (tmp_path / "cut.npz", tmp_path / "nowhere.npz"):
        with pytest.raises(BadDataError, match=npz.name):
            compare(job(npz=npz), lambda *_: None)
    flipped = tmp_path / "flipped"
    shutil.copytree(bundle.path, flipped)
    with (flipped / "saved_model.pb").open("r+b") as file:
        file.write(b"\xff")
    with pytest.raises(BadDataError, match=r"saved_model\.pb"):
        compare(job(bundle=flipped), lambda *_: None)


@slow
def test_what_the_child_finds_wrong_comes_back(recording: Path, tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="not a model that Penstock wrote"):
        check_parity(tmp_path / "nowhere", recording)


@slow
def test_a_crash_brings_its_last_words() -> None:
    process = CleanProcess(WORKER)
    with pytest.raises(StepError) as caught:
        compare_in_process(process, {}, lambda *_: None)
    process.close()
    assert "exit code 1" in str(caught.value)
    assert "KeyError: 'npz'" in str(caught.value)


def test_a_killed_child_is_an_error() -> None:
    process = CleanProcess(WORKER)
    process.process.kill()
    with pytest.raises(StepError, match="crashed") as caught:
        compare_in_process(process, {}, lambda *_: None)
    process.close()
    assert f"exit code {-signal.SIGKILL}" in str(caught.value)


def test_a_process_is_taken_once_and_waits_for_the_next_check() -> None:
    start_spare_process(WORKER)
    start_spare_process(WORKER)
    with use_clean_process(WORKER) as first:
        with use_clean_process(WORKER) as second:
            assert second is not first
        assert second.process.poll() is None
    assert first.process.returncode == -signal.SIGKILL  # one is enough
    with use_clean_process(WORKER) as third:
        assert third is second
    third.process.kill()
    third.process.wait()
    start_spare_process(WORKER)  # there is one, and it is not known yet that it is dead
    with use_clean_process(WORKER) as fourth:
        assert fourth.process.poll() is None
    stop_spare_process()
    stop_spare_process()
    assert fourth.process.returncode == -signal.SIGKILL


def test_a_process_whose_check_failed_does_not_wait() -> None:
    with pytest.raises(BadDataError), use_clean_process(WORKER) as process:
        raise BadDataError("a broken bundle")
    assert process.process.returncode == -signal.SIGKILL


@slow
def test_a_second_check_in_another_working_folder_has_the_same_process(
    bundle: Any, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_spare_process(WORKER)
    check_parity(bundle.path, recording)
    with use_clean_process(WORKER) as first:
        pass
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bundle").symlink_to(bundle.path)
    (tmp_path / "npz").symlink_to(recording)
    assert check_parity(Path("bundle"), Path("npz")).images == MAX_IMAGES
    with use_clean_process(WORKER) as second:
        assert second is first


DIES = """
import os, signal, sys
from serving_export.clean_process import use_clean_process
from serving_export.parity.check import WORKER
with use_clean_process(WORKER) as child:
    print(child.process.pid, flush=True)
    sys.stdin.read(1)
    os.kill(os.getpid(), signal.{how})
"""


@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT", "SIGTERM"])
def test_the_child_dies_with_its_parent(how: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", DIES.format(how=how)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout is not None
    child = os.pidfd_open(int(parent.stdout.readline()))
    parent.communicate("x")
    gone, _, _ = select.select([child], [], [], 20)  # readable once the process ended
    os.close(child)
    assert gone
