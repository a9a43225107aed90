"""Results do not depend on `keras.json` or on what the environment says to Keras."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from data.base.keras_settings import refuse_other_keras
from data.errors import ConfigError

ODD = {
    "floatx": "float64",
    "epsilon": 1e-3,
    "backend": "jax",
    "image_data_format": "channels_first",
}
PINNED = ["tensorflow", "float32", 1e-7, "channels_last", None, None]
CODE = """
import json
from pipeline.environment.library_settings import pin_libraries, read_counted_variables
pin_libraries()
before = read_counted_variables()
import keras, tensorflow_model_analysis, tf_keras
c = keras.config
seen = [[c.backend(), c.floatx(), c.epsilon(), c.image_data_format(), c.max_epochs(),
         c.max_steps_per_epoch()]]
b = tf_keras.backend
seen.append([b.floatx(), b.epsilon(), b.image_data_format()])
seen.append(keras.layers.Dense(1).dtype_policy.name)
assert read_counted_variables() == before, "a library sets what a fingerprint looks at"

def refused(setting, to):
    before = getattr(c, setting)()
    getattr(c, f"set_{setting}")(to)
    try:
        pin_libraries()
    except Exception as error:
        return str(error)
    finally:
        getattr(c, f"set_{setting}")(before)

seen.append(refused("floatx", "float64"))
seen.append(refused("image_data_format", "channels_first"))
pin_libraries()
print(json.dumps(seen))
"""


@pytest.mark.slow
def test_a_keras_json_and_variables_of_a_user_change_nothing(tmp_path, monkeypatch):
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(json.dumps(ODD))
    odd = {"HOME": str(tmp_path), "KERAS_BACKEND": "jax", "KERAS_MAX_EPOCHS": "1"}
    for name, value in odd.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("KERAS_HOME", raising=False)
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    new, old, policy, floatx, data_format = json.loads(done.stdout.splitlines()[-1])
    assert new == PINNED
    assert old == PINNED[1:4]
    assert policy == "float32"
    assert "another floatx" in floatx
    assert "keras.config.set_floatx('float32')" in floatx
    assert "another image_data_format" in data_format


def stand_in(**changes):
    """What of Keras is looked at."""
    values = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}
    values |= {"backend": "tensorflow", "max_epochs": None, "max_steps_per_epoch": None} | changes
    config = SimpleNamespace(**{name: lambda v=value: v for name, value in values.items()})
    return SimpleNamespace(config=config, backend=config)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("backend", "jax"), ("floatx", "float16"), ("epsilon", 1e-3), ("max_epochs", 1)],
)
def test_keras_that_was_imported_before_with_another_setting_is_refused_by_it(
    setting, value, monkeypatch
):
    monkeypatch.setitem(sys.modules, "keras", stand_in())
    refuse_other_keras()
    monkeypatch.setitem(sys.modules, "keras", stand_in(**{setting: value}))
    with pytest.raises(ConfigError, match=f"another {setting}") as found:
        refuse_other_keras()
    assert repr(value) in found.value.got
    assert setting in found.value.remedy.casefold().replace("keras_backend", "backend")


def test_one_that_is_not_there_is_fine(monkeypatch):
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    refuse_other_keras()
    monkeypatch.setitem(sys.modules, "keras", None)
    refuse_other_keras()
