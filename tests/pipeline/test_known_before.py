"""What can be known is reported before anything runs: by run, submit, schedule add and config."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from own_project import line_of, write_file

from data.errors import ConfigError, PenstockError
from pipeline import exit_codes, recipes
from pipeline.cli.main import call
from pipeline.config.overrides import apply_settings
from pipeline.execution.events import StepWarning
from pipeline.run import run
from pipeline.storage.ledger import Ledger

SUPPORT = Path(__file__).parents[1] / "support"
NAMES = "ingest.class_names=[a,b,c,d,e,f,g,h,i,j]"
WRONG: dict[str, tuple[list[str], str]] = {
    "optimizer": (["train.optimizer=adamm"], "did you mean 'adam'"),
    "base class": (["train.optimizer=Optimizer"], "keras.optimizers has no 'Optimizer'"),
    "its option": (["train.optimizer_options.beta1=0.9"], "did you mean 'beta_1'"),
    "schedule": (["train.learning_rate_schedule=CosineDecy"], "did you mean 'cosinedecay'"),
    "its need": (["train.learning_rate_schedule=CosineDecay"], "no initial_learning_rate"),
    "its option's name": (
        ["train.learning_rate_schedule=CosineDecay", "train.schedule_options.decay=3"],
        "did you mean 'decay_steps'",
    ),
    "model": (["train.model=own_models:narow"], "did you mean 'narrow'"),
    "model's module": (["train.model=nowhere.models:build"], "No module named 'nowhere'"),
    "its options": (["train.model_options.unts=3"], "did you mean 'units'"),
    "their range": (["train.model_options.units=0"], "units >= 1"),
    "train_fn": (["train.train_fn=own_models:own_lop"], "did you mean 'own_loop'"),
    "augmentation": (["train.augmentation.flop=horizontal"], "did you mean 'flip'"),
    "its range": (["train.augmentation.rotation=400"], "more than 0, at most 180"),
    "its kind": (["train.augmentation.flip=sideways"], "horizontal or vertical"),
    "augmentation_fn": (["train.augmentation_fn=own_models:nose"], "did you mean 'noise'"),
    "weights": (["train.sample_weight_fn=own_models:x"], "module 'own_models' has no 'x'"),
    "callbacks": (["train.callbacks=['own_models:Recods']"], "did you mean 'Records'"),
    "class weights": ([NAMES, "train.class_weights={k=2}"], "'k', which is no class of the data"),
    "a rule's class": (
        [NAMES, "evaluate.thresholds=[{metric='accuracy', at_least=0.5, on='k'}]"],
        "names 'k', which is neither a class",
    ),
    "split": (["evaluate.split=tset"], "did you mean 'test'"),
    "slices": (["evaluate.slices=['own_sources:brigt']"], "has no 'brigt'"),
    "preprocessing": (["normalize.preprocessing_fn=own_preprocessing:fail"], "mean 'fails'"),
    "source": (["ingest.source=own_sources:Fils"], "did you mean 'Files'"),
    "path": (["ingest.source=idx"], "needs ingest.path"),
    "early stop": (["train.early_stop_patience=3"], "needs a validation split"),
    "seed": (["seed=-1"], "seed is out of range"),
    "great seed": (["seed=4294967296"], "seed is out of range"),
    "rate": (["train.learning_rate=nan"], "train.learning_rate is out of range"),
    "checkpoints": (["train.checkpoint_seconds=nan"], "train.checkpoint_seconds is out of range"),
    "profile": (["train.profile_steps=[5, 2]"], "train.profile_steps is out of range"),
    "step left out": (["epochs=3"], "train.epochs=…"),
}
COMMANDS = {
    "run": ["run", "digits"],
    "submit": ["submit", "digits"],
    "schedule add": ["schedule", "add", "digits", "--every", "1d"],
    "config": ["config", "digits"],
}


def words(command: str, settings: list[str], root: Path) -> list[str]:
    place = [] if command == "config" else ["--root", str(root)]
    runner = ["--runner=PortableRunner", "--job_endpoint=localhost:1"] * (command == "submit")
    sets = [word for setting in settings for word in ("--set", setting)]
    return [*COMMANDS[command], *sets, *place, *runner]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_setting_is_refused_and_nothing_is_made(command, wrong, tmp_path, capfd):
    settings, told = WRONG[wrong]
    assert call(words(command, settings, tmp_path / "root")) == exit_codes.BAD_CONFIG
    said = capfd.readouterr().err
    assert told in said
    assert "Traceback" not in said
    assert not (tmp_path / "root").exists()


def test_none_of_it_takes_a_library_that_computes(tmp_path):
    asked = [
        words(command, settings, tmp_path / "root")
        for command in ("run", "schedule add", "config")
        for settings, _ in WRONG.values()
    ]
    code = (
        "import json, sys\nfrom pipeline.cli.main import call\n"
        "assert {call(words) for words in json.loads(sys.stdin.read())} == {2}\n"
        "assert not {'tensorflow', 'keras', 'apache_beam', 'numpy'} & {*sys.modules}\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(asked),
        cwd=SUPPORT.parents[1],
        env={"PYTHONPATH": str(SUPPORT), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr[-2000:]


@pytest.mark.parametrize("flags", [["--epochs", "5"], ["--epochs=5"]])
@pytest.mark.parametrize("command", ["run", "run --beam", "submit", "schedule add"])
def test_a_setting_given_as_a_flag(command, flags, tmp_path, capfd):
    command, *more = command.split(" --beam")
    flags = [*flags, *("--beam" for _ in more)]
    assert call([*words(command, [], tmp_path / "root"), *flags]) == exit_codes.BAD_CONFIG
    assert "--set train.epochs=…" in capfd.readouterr().err


def test_what_will_not_run_is_not_asked(tmp_path):
    pipeline = apply_settings(recipes.build("digits"), ["train.model=nowhere:build"])
    result = run(pipeline, root=tmp_path / "root", last="ingest")
    assert [e.status for e in result.executions] == ["completed"]
    with pytest.raises(ConfigError, match="cannot import 'nowhere'"):
        run(pipeline, root=tmp_path / "root", last="train")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["train.class_weights={x=2}"], "names 'x', which is no class"),
        (["evaluate.thresholds=[{metric='accuracy', at_least=0.5, on='x'}]"], "names 'x'"),
        (["train.optimizer_options={clipnorm=1.0, clipvalue=1.0}"], "does not take these"),
        (["train.augmentation.crop=9"], "at most 8"),
        (["train.model=conv", "train.model_options.filters=[2,2,2,2,2]"], "at most 4 blocks"),
        (["train.model=own_models:breaks"], "cannot be built for images of (8, 8, 1)"),
        (["train.model=own_models:own_train_step"], "its own train_step"),
        (["train.model=own_models:no_callback"], "cannot be called"),
        (["train.callbacks=['own_models:narrow']"], "missing a required argument: 'spec'"),
        (["ingest.source=own_project:write_file"], "a class whose __init__ takes a SourceConfig"),
        (["normalize.preprocessing_fn=own_models:noise"], "preprocessing_fn(inputs)"),
        (["evaluate.slices=['own_models:noise']"], "a function of images"),
    ],
)
def test_what_takes_keras_or_the_user_s_modules_is_told_before_ingest(settings, told, tmp_path):
    root = tmp_path / "root"
    with pytest.raises(ConfigError) as caught:
        run(apply_settings(recipes.build("digits"), settings), root=root)
    assert told in str(caught.value)
    assert not (root / "artifacts").exists()
    if root.exists():
        with Ledger(root) as ledger:
            assert all(not ledger.executions(each.id) for each in ledger.runs())


def test_a_callback_that_a_resume_makes_anew_is_told_of_before_ingest(tmp_path):
    def stop(event):
        if isinstance(event, StepWarning):
            raise KeyboardInterrupt(f"{event.step}: {event.message}")

    pipeline = apply_settings(recipes.build("digits"), ["train.callbacks=['keras_setups:Forgets']"])
    with pytest.raises(KeyboardInterrupt, match="train: the callback Forgets has no get_state"):
        run(pipeline, root=tmp_path / "root", on_event=stop)
    assert not (tmp_path / "root" / "artifacts").exists()


def test_a_worker_of_beam_s_looks_ahead_as_well(tmp_path):
    pipeline = apply_settings(recipes.build("digits"), ["train.class_weights={x=2}"])
    with pytest.raises(ConfigError, match="names 'x', which is no class"):
        run(pipeline, root=tmp_path / "root", orchestrator="beam")
    assert not (tmp_path / "root" / "artifacts").exists()


BROKEN = {
    "no Python": ("def recipe(:\n", "def recipe("),
    "wrong keyword": (
        "from pipeline.image_classifier import Train\n\ndef recipe():\n    Train(epoch=3)\n",
        "epoch=3",
    ),
    "fails when imported": ("import no_such_library_at_all\n", "no_such_library"),
    "wrong value": (
        "from pipeline.image_classifier import Train\n\ndef recipe():\n    Train(epochs=0)\n",
        "epochs=0",
    ),
    "a bug": ("def recipe():\n    return [][0]\n", "[][0]"),
}


@pytest.mark.parametrize("command", ["run", "schedule add", "config"])
@pytest.mark.parametrize("broken", BROKEN)
def test_a_recipe_that_is_broken_is_the_user_s_and_so_is_the_line(command, broken, tmp_path, capfd):
    text, line = BROKEN[broken]
    file = write_file(tmp_path, text)
    asked = [f"{file}:recipe" if w == "digits" else w for w in words(command, [], tmp_path / "r")]
    assert call(asked) == exit_codes.BAD_CONFIG
    said = capfd.readouterr().err
    assert said.startswith("penstock: bad config: ")
    assert line_of(file, line) in said
    assert "Traceback" not in said


def test_a_module_that_one_of_the_config_s_imports_is_no_python(tmp_path, monkeypatch):
    inner = write_file(tmp_path, "x = = 1\n")
    outer = write_file(tmp_path, f"import {inner.stem}\n\ndef build(spec, options): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    pipeline = apply_settings(recipes.build("digits"), [f"train.model={outer.stem}:build"])
    with pytest.raises(PenstockError, match="is not valid Python"):
        run(pipeline, root=tmp_path / "root")
