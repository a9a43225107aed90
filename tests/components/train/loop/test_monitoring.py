from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


def scalars(folder: Path) -> dict[str, list[float]]:
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return {
        tag: [float(tensor_util.make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
        if tag.startswith("epoch_")
    }


def test_tensorboard_shows_the_history(fit, logs: Path) -> None:
    history = fit(epochs=3, context={"log_dir": logs}).history
    for split, prefix in (("train", ""), ("validation", "val_")):
        found = scalars(logs / "tensorboard" / split)
        for name in ("loss", "accuracy"):
            np.testing.assert_allclose(found[f"epoch_{name}"], history[prefix + name], rtol=1e-6)
    assert "epoch_learning_rate" in scalars(logs / "tensorboard" / "train")


def test_a_resumed_training_shows_all_epochs(fit, logs: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()

    def interrupt(done: float, *_: object) -> None:
        if done >= 60:
            raise KeyboardInterrupt

    context = {"work_dir": tmp_path / "work"}
    with pytest.raises(KeyboardInterrupt):
        fit(epochs=3, context={**context, "progress": interrupt})
    history = fit(epochs=3, context={**context, "log_dir": logs}).history
    found = scalars(logs / "tensorboard" / "train")
    np.testing.assert_allclose(found["epoch_loss"], history["loss"], rtol=1e-6)


def test_histograms_and_a_profile_by_setting(fit, logs: Path) -> None:
    fit(epochs=2, context={"log_dir": logs})
    events = EventAccumulator(str(logs / "tensorboard" / "train"))
    events.Reload()
    assert not [tag for tag in events.Tags()["tensors"] if "kernel" in tag]
    assert not list(logs.rglob("*.xplane.pb"))
    fit(epochs=2, histograms=True, profile_steps=(5, 30), context={"log_dir": logs / "more"})
    events = EventAccumulator(str(logs / "more" / "tensorboard" / "train"))
    events.Reload()
    (kernel, *_) = [tag for tag in events.Tags()["tensors"] if "kernel" in tag]
    assert len(events.Tensors(kernel)) == 2
    assert list(logs.rglob("*.xplane.pb"))


def test_the_line_of_progress(fit) -> None:
    seen: list[tuple[float, float | None, str]] = []
    fit(epochs=3, context={"progress": lambda *report: seen.append(report)})
    steps = [(done, total) for done, total, detail in seen if "epoch" in detail]
    assert steps == sorted(steps)
    assert steps[-1] == (120, 120)
    figures = r"loss \d\.\d{4}  accuracy [01]\.\d{4}  [\d,]+ images/s  \d+ s left"
    pattern = rf"epoch 3/3  {figures}  step 120/120"
    assert re.fullmatch(pattern, [detail for _, _, detail in seen if "epoch" in detail][-1])
