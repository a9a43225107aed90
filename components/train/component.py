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
        read_manifest(config.warm_start_manifest.parent)  # raises if there is none
        files = (config.warm_start_manifest,)
    return Depends(modules=tuple(modules), files=files)


def check_expected(
    config: Config, inputs: Mapping[str, ExpectedExamples], *, thorough: bool
) -> Sequence[str]:
    """Check the settings; if `thorough`, also build optimizer and model with Keras.

    Returns:
        Warnings: callbacks that lose their state when the training is interrupted.

    Raises:
        ConfigError: as `checks.settings.check`; the user's own code cannot be imported or called,
            Keras refuses the options of the optimizer, the model cannot be built, a batch cannot
            be divided by the devices.
        EnvironmentTrouble: the config asks for a GPU and there is none.
    """
    examples = inputs.get("examples", ExpectedExamples())
    settings.check(config, examples)
    if not thorough:
        return ()
    _check_calls(config)
    _try_building(config, examples.spec)
    from components.train.keras_model.callback_state import find_stateless_callbacks

    return tuple(
        find_stateless_callbacks(
            c for c in map(load_object, config.callbacks) if isinstance(c, type)
        )
    )


def _check_calls(config: Config) -> None:
    """Import the user's own functions, and check that they can be called as they will be."""
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


def _try_building(config: Config, spec: ImageSpec | None) -> None:
    """Build optimizer and model once, to see that they can be built.

    This runs in its own thread: Keras numbers the names of layers per thread, so the names in the
    model that is trained do not change.
    """
    from components.train import devices
    from components.train.checks.model import build_configured_model
    from components.train.keras_fit import make_optimizer

    hardware = devices.choose_hardware(config)

    def build() -> None:
        with hardware.scope():
            make_optimizer(config, steps=1)  # the number of images is not known yet
            if spec is not None:
                build_configured_model(config, spec)

    if config.train_fn is None:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(build).result()


def pin(config: Config, inputs: Inputs | None, context: Context) -> Config:
    """Fill in the digest of the model that `warm_start` names, after a check that it is trusted.

    Raises:
        BadDataError: there is no Penstock model there, or it is not trusted.
    """
    if not config.warm_start:
        return config
    folder = config.warm_start_manifest.parent
    read_manifest(folder)  # raises if there is none
    digest = config.warm_start_digest or sha256_file(config.warm_start_manifest)
    context.vouch(folder, digest)
    return dataclasses.replace(config, warm_start_digest=digest)


def run(inputs: Inputs, config: Config, context: Context) -> Outputs:
    """Train, then write `bundle/`, `history.json` and `parity.npz`.

    The same seed on the same CPU gives bit for bit the same weights, also if the training was
    killed and resumed from a checkpoint in `context.work_dir`.

    Raises:
        ConfigError: a model, optimizer or function cannot be loaded or does not fit; a setting does
            not fit the data.
        BadDataError: the examples cannot be read; the model to warm-start from changed.
        EnvironmentTrouble: the config asks for a GPU and there is none.
        StepError: the loss became NaN or infinite; a device is out of memory.
    """
    for path in config.own_code:
        load_object(path)
    from components.train.candidate import make_candidate

    folder = context.output_dir / "model"
    digest = make_candidate(inputs.examples, inputs.transform_graph, config, folder, context)
    return Outputs(model=Model(path=folder, spec=inputs.examples.spec, digest=digest))
