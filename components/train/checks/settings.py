"""What can be known of Train's settings without Keras, before anything runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from components.artifacts import ExpectedExamples
from components.models.options import CHECKS
from components.train.checks.keras_names import COMMON, OPTIMIZERS, SCHEDULES
from data.code.user_object import check_object
from data.errors import ConfigError, suggest_names

if TYPE_CHECKING:
    from components.train.config import Config

_VALIDATION = "validation"
_FLIPS = ("horizontal", "vertical", "horizontal_and_vertical")


def check(config: Config, examples: ExpectedExamples) -> None:
    """Hold all that the config names against what there is.

    Args:
        config: Train's.
        examples: what is known of those that it will train on.

    Raises:
        ConfigError: a name that nothing has, an option that nothing takes, a value out of range;
            a class that the data lacks, or no validation split where one is needed.
    """
    for path in config.own_code:
        check_object(path)
    if config.train_fn is None:
        _check_optimizer(config)
        if examples.splits is not None and _VALIDATION not in examples.splits:
            _refuse_without_validation(config)
    options_of = config.model_path if config.train_fn is None else config.train_fn
    if check_options := CHECKS.get(options_of):
        check_options(config.model_options)
    check_augmentation(config.augmentation, examples)
    _check_classes(config, examples)


def _check_optimizer(config: Config) -> None:
    name = _known(config.optimizer, OPTIMIZERS, "train.optimizer", "keras.optimizers")
    taken = [*COMMON, *OPTIMIZERS[name].split()]
    _check_options(name, config.optimizer_options, (), taken, "train.optimizer_options")
    if config.learning_rate_schedule is None:
        return
    schedule = _known(
        config.learning_rate_schedule,
        SCHEDULES,
        "train.learning_rate_schedule",
        "keras.optimizers.schedules",
    )
    needed, more = (names.split() for names in SCHEDULES[schedule])
    where = "train.schedule_options"
    _check_options(schedule, config.schedule_options, needed, [*needed, *more], where)


def _known(name: str, known: Iterable[str], where: str, module: str) -> str:
    """Keras's name, by the config's in any case."""
    by_lower = {each.lower(): each for each in known}
    if name.lower() not in by_lower:
        raise ConfigError(
            f"{where}: {module} has no {name!r}", remedy=suggest_names(name.lower(), by_lower)
        )
    return by_lower[name.lower()]


def _check_options(
    name: str, options: Mapping[str, Any], needed: Iterable[str], taken: Iterable[str], where: str
) -> None:
    for option in options:
        if option not in taken:
            raise ConfigError(
                f"{where}: {name} takes no {option!r}", remedy=suggest_names(option, taken)
            )
    missing = [option for option in needed if option not in options]
    if missing:
        raise ConfigError(
            f"{where} lacks what {name} needs",
            expected=", ".join(needed),
            got=f"no {', no '.join(missing)}",
            remedy=f"--set {where}.{missing[0]}=…",
        )


def check_augmentation(wanted: Mapping[str, Any], examples: ExpectedExamples) -> None:
    """Hold `train.augmentation` against the names that there are, and their ranges.

    Raises:
        ConfigError: an unknown name, or a value out of range.
    """
    spec = examples.spec
    most = {"rotation": 180, "shift": 1, "crop": min(spec.shape[:2]) if spec else math.inf}
    for name, value in wanted.items():
        if name not in ("flip", *most):
            raise ConfigError(
                f"no augmentation {name!r}", remedy=suggest_names(name, ["flip", *most])
            )
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if name == "flip":
            fits, expected = value in _FLIPS, " or ".join(_FLIPS)
        elif name == "crop":
            fits = isinstance(value, int) and is_number and 0 < value <= most[name]
            expected = "a whole number of pixels, more than 0"
            expected += f", at most {most[name]}" if spec else ""
        else:
            fits = is_number and 0 < value <= most[name]
            expected = f"more than 0, at most {most[name]}"
        if not fits:
            raise ConfigError(f"train.augmentation: {name} cannot be {value!r}", expected=expected)


def _check_classes(config: Config, examples: ExpectedExamples) -> None:
    for name in config.class_weights:
        if examples.class_names is not None and name not in examples.class_names:
            raise ConfigError(
                f"train.class_weights names {name!r}, which is no class of the data",
                remedy=suggest_names(name, examples.class_names),
            )


def _refuse_without_validation(config: Config) -> None:
    if config.early_stop_patience or config.best_weights:
        wanted = "early stopping" if config.early_stop_patience else "keeping the best weights"
        raise ConfigError(
            f"{wanted} needs a validation split, and there is none",
            remedy="--set ingest.validation_share=0.1, or --set train.early_stop_patience=none "
            "and train.best_weights=false",
        )
