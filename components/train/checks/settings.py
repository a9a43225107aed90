"""Check the settings of Train without Keras, before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from components.artifacts import ExpectedExamples
from components.models.options import CHECKS
from components.train.checks.keras_names import COMMON, FILLED_IN, OPTIMIZERS, SCHEDULES
from components.train.loop.augmentation_options import check_augmentation
from data.code.user_object import check_object
from data.errors import ConfigError, suggest_names

if TYPE_CHECKING:
    from components.train.config import Config

_VALIDATION = "validation"


def check(config: Config, examples: ExpectedExamples) -> None:
    """Check all names and values of the config.

    Args:
        config: the config of Train.
        examples: what is known of the examples that it will train on.

    Raises:
        ConfigError: an unknown name or option, or a value out of range; a class that the data does
            not have; a setting needs a validation split and there is none.
    """
    for path in config.own_code:
        check_object(path)
    if config.train_fn is None:
        _check_optimizer(config)
        if examples.splits is not None and _VALIDATION not in examples.splits:
            config.check_without_validation()
    options_of = config.model_path if config.train_fn is None else config.train_fn
    if check_options := CHECKS.get(options_of):
        check_options(config.model_options, examples.spec)
    check_augmentation(config.augmentation, examples.spec)
    if examples.class_names is not None:
        config.check_class_names(examples.class_names)


def _check_optimizer(config: Config) -> None:
    name = _find_name(config.optimizer, OPTIMIZERS, "train.optimizer", "keras.optimizers")
    arguments = [*COMMON, *OPTIMIZERS[name].split()]
    _check_options(name, config.optimizer_options, (), arguments, "train.optimizer_options")
    if config.learning_rate_schedule is None:
        return
    schedule = _find_name(
        config.learning_rate_schedule,
        SCHEDULES,
        "train.learning_rate_schedule",
        "keras.optimizers.schedules",
    )
    required, optional = (names.split() for names in SCHEDULES[schedule])
    where = "train.schedule_options"
    arguments = [*required, *optional]
    required = [name for name in required if name not in FILLED_IN]
    _check_options(schedule, config.schedule_options, required, arguments, where)


def _find_name(name: str, names: Iterable[str], where: str, module: str) -> str:
    """Find the name in Keras for a name in any case."""
    by_lower = {each.lower(): each for each in names}
    if name.lower() not in by_lower:
        raise ConfigError(
            f"{where}: {module} has no {name!r}", remedy=suggest_names(name.lower(), by_lower)
        )
    return by_lower[name.lower()]


def _check_options(
    name: str,
    options: Mapping[str, Any],
    required: Iterable[str],
    arguments: Iterable[str],
    where: str,
) -> None:
    for option in options:
        if option not in arguments:
            raise ConfigError(
                f"{where}: {name} has no argument {option!r}",
                remedy=suggest_names(option, arguments),
            )
    missing = [option for option in required if option not in options]
    if missing:
        raise ConfigError(
            f"{where} lacks an argument that {name} requires",
            expected=", ".join(required),
            got=f"no {', no '.join(missing)}",
            remedy=f"--set {where}.{missing[0]}=…",
        )
