"""Check the options of the models that come with Penstock, without Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from components.models.conv_sizes import choose_filters, count_most_blocks
from data.errors import ConfigError, suggest_names
from data.spec import ImageSpec

CONV = {"filters": None, "dropout": 0.2, "momentum": 0.9}
DENSE = {"units": 128, "dropout": 0.0, "softmax": False}
FROM_SCRATCH = {"units": 512}


def check_conv_options(options: Mapping[str, Any], spec: ImageSpec | None) -> dict[str, Any]:
    """Check the options of the convolutional model, and fill in the defaults.

    filters: list of int, filters of each block, each block with half the side of the one before;
        default 24, 48, 72, 96, 96, the first of them for small images.
    dropout: 0 <= float < 1, before the last layer, default 0.2.
    momentum: 0 <= float < 1, of BatchNorm's moving statistics, default 0.9.

    Args:
        options: as in `train.model_options`.
        spec: of the images; None: not known yet, and the default of `filters` stays None.

    Raises:
        ConfigError: an unknown option, a value out of range, or more blocks than the images have
            room for.
    """
    filled = _fill_in("conv", CONV, options)
    filters, dropout, momentum = filled.values()
    are_widths = isinstance(filters, list | tuple) and filters and all(map(_is_width, filters))
    if not ((filters is None or are_widths) and _is_share(dropout) and _is_share(momentum)):
        expected = "filters a list of numbers >= 1, 0 <= dropout < 1, 0 <= momentum < 1"
        _refuse("conv", expected, filled)
    if spec is None:
        return filled
    if filters is None:
        return {**filled, "filters": choose_filters(spec.height, spec.width)}
    most = count_most_blocks(spec.height, spec.width)
    if len(filters) > most:
        raise ConfigError(
            f"the model 'conv' has more blocks than images of {spec.height} x {spec.width} have "
            "room for: each block halves the sides",
            expected=f"filters of at most {most} blocks",
            got=f"{len(filters)} blocks: filters={filters!r}",
            remedy="set fewer train.model_options.filters, or a larger ingest.height and "
            "ingest.width",
        )
    return filled


def check_dense_options(
    options: Mapping[str, Any], spec: ImageSpec | None = None
) -> dict[str, Any]:
    """Check the options of the dense model, and fill in the defaults.

    units: int, width of the hidden layer, default 128.
    dropout: 0 <= float < 1, default 0.
    softmax: bool, whether the last layer gives probabilities, default false.

    Raises:
        ConfigError: an unknown option or a value out of range.
    """
    filled = _fill_in("dense", DENSE, options)
    fits = _is_width(filled["units"]) and _is_share(filled["dropout"])
    if not (fits and isinstance(filled["softmax"], bool)):
        _refuse("dense", "units >= 1, 0 <= dropout < 1, softmax true or false", filled)
    return filled


def check_from_scratch_options(
    options: Mapping[str, Any], spec: ImageSpec | None = None
) -> dict[str, Any]:
    """Check the options of the from-scratch model, and fill in the defaults.

    units: int, width of the hidden layer, default 512.

    Raises:
        ConfigError: an unknown option or a value out of range.
    """
    filled = _fill_in("from_scratch", FROM_SCRATCH, options)
    if not _is_width(filled["units"]):
        _refuse("from_scratch", "units >= 1", filled)
    return filled


# import path of the function that takes the options → their check, with the images' spec if known
CHECKS: Mapping[str, Callable[[Mapping[str, Any], ImageSpec | None], dict[str, Any]]] = {
    "components.models.conv:build_model": check_conv_options,
    "components.models.dense:build_model": check_dense_options,
    "components.train.from_scratch_fit:train_fn": check_from_scratch_options,
}


def _fill_in(model: str, defaults: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    for name in options:
        if name not in defaults:
            raise ConfigError(
                f"the model {model!r} has no option {name!r}", remedy=suggest_names(name, defaults)
            )
    return {**defaults, **options}


def _is_width(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1


def _refuse(model: str, expected: str, options: Mapping[str, Any]) -> None:
    raise ConfigError(
        f"the options of the model {model!r} are out of range",
        expected=expected,
        got=", ".join(f"{name}={value!r}" for name, value in options.items()),
        remedy="--set train.model_options.NAME=VALUE in this range",
    )
