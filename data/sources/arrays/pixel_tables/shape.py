"""Choose the shape of the images whose pixels are in a table."""

from __future__ import annotations

from math import isqrt, prod

from data.errors import BadDataError, ConfigError
from data.sources.arrays.pixel_tables.columns import Columns
from data.sources.source_config import SourceConfig


def choose_shape(columns: Columns, config: SourceConfig, where: str) -> tuple[int, ...]:
    """Return the shape of an image as it is stored: by the setting, by the names, or a square.

    Raises:
        ConfigError: the setting has another number of pixels.
        BadDataError: without a setting, the number of pixels is no square.
    """
    count = columns.num_pixels
    if shape := config.shape:
        if len(shape) not in (2, 3) or min(shape) < 1 or prod(shape) != count:
            raise ConfigError(
                "ingest.shape does not fit the table",
                expected=f"height, width and, if there are any, channels of {count:,} pixels, the "
                f"number in {where}",
                got=f"ingest.shape = {list(shape)}",
                follows="nothing was ingested",
                remedy=_suggest_shape(count),
            )
        return (shape[2], *shape[:2]) if len(shape) == 3 and config.axes == "CHW" else shape
    side = isqrt(count)
    if columns.grid:
        return columns.grid
    if side * side == count:
        return side, side
    raise BadDataError(
        f"the images in {where} are no squares",
        expected="a square number of pixels, or ingest.shape",
        got=f"{count:,} pixels",
        follows="nothing was ingested",
        remedy=_suggest_shape(count),
    )


def _suggest_shape(count: int) -> str:
    side = isqrt(count // 3)
    if count and side * side * 3 == count:
        return (
            f"--set ingest.shape=[{side},{side},3]; with --set ingest.axes=CHW too if all red "
            "values come first"
        )
    return "--set ingest.shape=[HEIGHT,WIDTH] or [HEIGHT,WIDTH,CHANNELS]"
