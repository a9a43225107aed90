"""The real MNIST through all five components, from its IDX files to an answer about a PNG."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest

from data.batches.sequential import read_batches
from pipeline.cli.main import call


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_mnist_from_idx_files_to_a_pushed_model_that_answers(mnist_dir, tmp_path, capfd):
    from PIL import Image

    root = tmp_path / "root"
    words = ["run", "mnist", "--root", str(root), "--set", "ingest.source=idx"]
    words += ["--set", f"ingest.path={mnist_dir}", "--set", "train.epochs=2"]
    words += ["--set", "evaluate.thresholds=[{metric='accuracy', at_least=0.95}]"]
    assert call(words) == 0
    verdict = json.loads(next(root.glob("artifacts/evaluate/*/verdict.json")).read_text())
    assert verdict["metrics"]["candidate"]["overall"]["examples"] == 10_000
    assert verdict["metrics"]["candidate"]["overall"]["accuracy"] > 0.95
    assert list((root / "serving" / "mnist").glob("[0-9]*")) == [root / "serving" / "mnist" / "1"]

    from data.examples.artifact import load_examples

    examples = load_examples(next(root.glob("artifacts/ingest/*/examples")))
    images, labels = next(iter(read_batches(examples, "test", batch_size=200).as_numpy_iterator()))
    files = [tmp_path / f"{i}.png" for i in range(len(images))]
    for file, image in zip(files, images, strict=True):
        Image.fromarray(image[..., 0]).save(file)
    capfd.readouterr()
    assert call(["predict", "mnist", *map(str, files), "--root", str(root)]) == 0
    answered = re.findall(r"(\d+)\.png +(\d) +[01]\.\d{4}", capfd.readouterr().out)
    assert [int(i) for i, _ in answered] == list(range(len(files)))
    right = np.mean([int(said) == label for (_, said), label in zip(answered, labels, strict=True)])
    assert right > 0.9

    shutil.rmtree(root / "serving")  # a serving folder that is gone makes the push due, no more
    assert call(words) == 0
    events = max(root.glob("runs/*/events.jsonl")).read_text()
    assert events.count('"status": "cached"') == 4
    assert (root / "serving" / "mnist" / "1" / "saved_model.pb").is_file()
