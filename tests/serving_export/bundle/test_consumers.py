"""A pushed model where there is no Penstock and no Keras: TensorFlow alone, in another folder."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving_export.model_store.push import push

pytestmark = pytest.mark.slow

ALONE = """
import sys
for name in ("keras", "tf_keras", "serving_export", "data", "components", "pipeline"):
    sys.modules[name] = None  # an import of it fails
"""
LOADS = """
import base64
import json
import numpy as np
import tensorflow as tf
saved = tf.saved_model.load(sys.argv[1])
answers = {}
for name, texts in json.load(open(sys.argv[2])).items():
    images = np.load(sys.argv[3]) if name == "images" else [base64.b64decode(t) for t in texts]
    answer = saved.signatures[name](tf.constant(images))
    answers[name] = {
        "probabilities": answer["probabilities"].numpy().tolist(),
        "class_name": [n.decode() for n in answer["class_name"].numpy()],
    }
print(json.dumps(answers))
"""
CLI = """
from tensorflow.python.tools.saved_model_cli import main
sys.argv[0] = "saved_model_cli"
main()
"""


@pytest.fixture
def pushed(bundle: Any, tmp_path: Path) -> Path:
    return push(bundle.path, tmp_path / "serving", "digits", record={})[1]


def alone(code: str, *args: object, cwd: Path) -> str:
    """Run code in a process that can import TensorFlow and nothing of ours, and no Keras."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys\n{ALONE}\n{code}", *map(str, args)],
        cwd=cwd,
        env={**environment, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_tensorflow_alone_gets_the_same_probabilities(
    pushed: Path, bundle: Any, digits: Any, tmp_path: Path
) -> None:
    from serving_export.bundle.requests import encode_for_signatures
    from serving_export.bundle.saved_model import load_bundle

    images = digits.images[:20]
    asked = {
        name: [base64.b64encode(one).decode() for one in batch]
        for name, batch in encode_for_signatures(images)
    }
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    np.save(tmp_path / "images.npy", images)
    files = tmp_path / "asked.json", tmp_path / "images.npy"
    answers = json.loads(alone(LOADS, pushed, *files, cwd=tmp_path))
    wanted = load_bundle(bundle.path)("images", images)
    assert set(answers) == {"serving_default", "images", "examples"}
    for answer in answers.values():
        np.testing.assert_array_equal(
            np.array(answer["probabilities"], np.float32), wanted["probabilities"]
        )
        assert [name.encode() for name in answer["class_name"]] == wanted["class_name"].tolist()


def test_saved_model_cli_shows_and_runs_it(
    pushed: Path, bundle: Any, digits: Any, tmp_path: Path
) -> None:
    from serving_export.bundle.saved_model import load_bundle

    shown = alone(CLI, "show", "--dir", pushed, "--all", cwd=tmp_path)
    for words in ("signature_def['serving_default']", "inputs['image_bytes']", "DT_STRING"):
        assert words in shown
    for output in ("probabilities", "class_index", "class_name"):
        assert shown.count(f"outputs['{output}']") == 3
    np.save(tmp_path / "images.npy", digits.images[:20])
    asked = ["run", "--dir", pushed, "--tag_set", "serve", "--signature_def", "images"]
    asked += ["--inputs", f"images={tmp_path / 'images.npy'}", "--outdir", tmp_path / "out"]
    alone(CLI, *asked, cwd=tmp_path)
    wanted = load_bundle(bundle.path)("images", digits.images[:20])["probabilities"]
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "probabilities.npy"), wanted)
