"""Train: fit a model to the train split and write the candidate's whole serving bundle."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from components.artifacts import Examples, ExpectedExamples, Model, TransformGraph
from components.context import Context, Depends
from components.train.checks import settings
from components.train.config import Config
from data.code.import_path import load_object
from data.code.user_object import check_call
from data.files.durable_files import sha256_file
from data.spec import ImageSpec
from serving_export.bundle.manifest import read_manifest


@dataclass(frozen=True, kw_only=True)
class Inputs:
    examples: Examples
    transform_graph: TransformGraph


@dataclass(frozen=True, kw_only=True)
class Outputs:
    model: Model


def depends(config: Config) -> Depends:
    modules = dict.fromkeys(path.partition(":")[0] for path in config.own_code)
    files: tuple[Path, ...] = ()
    if config.warm_start and not config.warm_starts_by_word:
        read_manifest(config.warm_start_manifest.parent)  # says so at once where there is none
        files = (config.warm_start_manifest,)
    return Depends(modules=tuple(modules), files=files)


def check_expected(
    config: Config, inputs: Mapping[str, ExpectedExamples], *, thorough: bool
) -> Sequence[str]:
    """Hold the settings against what there is; `thorough`: make with Keras what they name.

    Returns:
        What is worth a look: callbacks that a resumed training would go on with as new.

    Raises:
        ConfigError: as `checks.settings.check`; one of a user's own cannot be imported or called,
            Keras does not take the optimizer's options, the model cannot be built, a batch cannot
            be shared by the devices.
        EnvironmentTrouble: a GPU is asked for and there is none.
    """
    examples = inputs.get("examples", ExpectedExamples())
    settings.check(config, examples)
    if not thorough:
        return ()
    _check_calls(config)
    _try_out(config, examples.spec)
    from components.train.keras_model.callback_state import find_stateless_callbacks

    return tuple(
        find_stateless_callbacks(
            c for c in map(load_object, config.callbacks) if isinstance(c, type)
        )
    )


def _check_calls(config: Config) -> None:
    """Import what is the user's own, and hold it to how it will be called."""
    calls = [
        (config.augmentation_fn, "augmentation_fn(images, seed)", 2),
        (config.sample_weight_fn, "sample_weight_fn(images, labels)", 2),
        *((path, "a class or function without arguments", 0) for path in config.callbacks),
    ]
    if config.train_fn:
        calls.append((config.train_fn, "train_fn(training)", 1))
    else:
        calls.append((config.model_path, "build_model(spec, options)", 2))
    for path, expected, arguments in calls:
        if path is not None:
            check_call(load_object(path), path, expected, arguments)


def _try_out(config: Config, spec: ImageSpec | None) -> None:
    """Make optimizer and model, and throw them away: the libraries are what `run` imports anyway.

    In a thread of its own, since Keras counts the names of layers in each: those of the model that
    is trained stay as they would be.
    """
    from components.train import devices
    from components.train.checks.model import build_configured_model
    from components.train.keras_fit import make_optimizer

    hardware = devices.choose(config)

    def make() -> None:
        with hardware.scope():
            make_optimizer(config)
            if spec is not None:
                build_configured_model(config, spec)

    if config.train_fn is None:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(make).result()


def pin(config: Config, inputs: Inputs | None, context: Context) -> Config:
    """The config with the model that it warm-starts from named by a digest that is vouched for.

    Raises:
        BadDataError: no model of ours lies there, or nobody vouches for it.
    """
    if not config.warm_start:
        return config
    folder = config.warm_start_manifest.parent
    read_manifest(folder)  # says so where there is none
    digest = config.warm_start_digest or sha256_file(config.warm_start_manifest)
    context.vouch(folder, digest)
    return dataclasses.replace(config, warm_start_digest=digest)


def run(inputs: Inputs, config: Config, context: Context) -> Outputs:
    """Train, then write `bundle/`, `history.json` and `parity.npz`.

    With the same seed on the same CPU the weights are the same bit for bit, also if the training
    was killed in between and goes on from a checkpoint in `context.work_dir`.

    Raises:
        ConfigError: a model, optimizer or function that cannot be had or does not fit; a setting
            that the data does not allow.
        BadDataError: the examples cannot be read; the model to warm-start from changed.
        EnvironmentTrouble: a GPU is asked for and there is none.
        StepError: the loss became NaN or infinite, says at which step; a device is out of memory.
    """
    for own in config.own_code:
        load_object(own)
    from components.train.candidate import make_candidate

    path = context.output_dir / "model"
    digest = make_candidate(inputs.examples, inputs.transform_graph, config, path, context)
    return Outputs(model=Model(path=path, spec=inputs.examples.spec, digest=digest))
