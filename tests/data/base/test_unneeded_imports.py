"""Keras is not to drag in a notebook; everybody else finds what is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from data.base.unneeded_imports import IMPORTERS, UNNEEDED, skip_unneeded_imports


def loaded(code: str, *, cwd: Path | None = None) -> set[str]:
    """The modules of a Python that has run `code`, TensorFlow's own words aside."""
    code += "\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=True
    )
    return set(json.loads(ran.stdout.splitlines()[-1]))


SKIP = "from data.base.unneeded_imports import skip_unneeded_imports as skip; skip()\n"


@pytest.mark.slow
def test_libraries_come_without_them_and_they_can_be_had_later() -> None:
    modules = loaded(
        SKIP
        + "import inspect, json, sys, tensorflow, nltk, keras, tf_keras, google.cloud.bigquery\n"
        + "import tensorflow_model_analysis as tfma\n"
        + "inspect.getmodule(json.loads, 'nowhere')  # looks at all modules\n"
        + f"assert not sys.modules.keys() & {{'ipywidgets', *{set(UNNEEDED)}}}\n"
        + "try: keras.wrappers.SKLearnClassifier(keras.Sequential())\n"
        + "except ImportError as error: assert 'scikit-learn' in str(error), error\n"
        + "else: raise AssertionError\n"
        + "assert callable(tfma.view.render_slicing_metrics)\n"
        + "shown = tfma.view.widget_view.visualization\n"
        + "assert 'ipywidgets' not in sys.modules\n"
        + "assert issubclass(shown.SlicingMetricsViewer, sys.modules['ipywidgets'].DOMWidget)\n"
        + "assert not hasattr(shown, 'none_such')\n"
        + "import sklearn, matplotlib.pyplot, IPython, googleapiclient.discovery, pydot\n"
        + "import tqdm.notebook\n"
        + "sklearn.show_versions"
    )
    assert modules >= IMPORTERS | UNNEEDED


def fake(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(text)


LOOK = """
try:
    import sklearn
except ImportError:
    sklearn = None
"""


def test_what_was_imported_before_stays(tmp_path: Path) -> None:
    fake(tmp_path, "keras", LOOK)
    fake(tmp_path, "sklearn", "")
    loaded(SKIP + "import keras; assert keras.sklearn is None", cwd=tmp_path)
    loaded(SKIP + "import sklearn, keras; assert keras.sklearn is sklearn", cwd=tmp_path)
    loaded("import keras; " + SKIP + "assert keras.sklearn", cwd=tmp_path)


def test_other_threads_and_importers_find_them_meanwhile(tmp_path: Path) -> None:
    """Also where one importer imports the other, or breaks."""
    thread = "import threading; t = threading.Thread(target=__import__, args=('other',))\n"
    fake(tmp_path, "other", "import sklearn")
    fake(tmp_path, "sklearn", "")
    fake(tmp_path, "nltk", LOOK)
    fake(tmp_path, "keras", f"import nltk\n{LOOK}\n{thread}t.start(); t.join(); import other")
    loaded(
        SKIP + "import keras; assert keras.sklearn is None is keras.nltk.sklearn"
        "; assert keras.other.sklearn",
        cwd=tmp_path,
    )

    fake(tmp_path, "keras", "raise OSError")
    loaded(
        SKIP + "try: import keras\nexcept OSError: pass\nimport sklearn; assert sklearn",
        cwd=tmp_path,
    )


def test_it_is_done_once() -> None:
    skip_unneeded_imports()
    finders = list(sys.meta_path)
    skip_unneeded_imports()
    assert sys.meta_path == finders
