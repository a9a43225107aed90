from __future__ import annotations

import numpy as np
import pytest

from data.errors import BadDataError
from data.sources.arrays.array_layout import ArrayLayout
from data.sources.source_config import SourceConfig


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("axes", ["HWC", "CHW"])
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
def test_each_pixel_comes_to_its_row_column_and_channel(axes, transpose, shape) -> None:
    wanted = np.random.default_rng(0).integers(0, 256, (7, *(*shape, 1)[:3]), dtype=np.uint8)
    rows = np.array([[[list(pixel) for pixel in row] for row in image] for image in wanted])
    stored = np.empty_like(rows.swapaxes(1, 2) if transpose else rows)
    for n, row, column, channel in np.ndindex(rows.shape):
        at = (column, row) if transpose else (row, column)
        stored[(n, *at, channel)] = rows[n, row, column, channel]
    if len(shape) == 2:
        stored = stored[..., 0]
    elif axes == "CHW":
        stored = np.stack([stored[..., channel] for channel in range(3)], axis=1)
    layout = ArrayLayout(axes, transpose)
    arranged = layout.arrange_images(stored)
    np.testing.assert_array_equal(arranged, wanted)
    assert layout.arrange_shape(stored.shape[1:]) == arranged.shape[1:]


@pytest.mark.parametrize("stored", [np.array([1, 3], np.uint8), np.array([[1, 9], [3, 9]], ">i4")])
def test_labels_count_from_zero(stored) -> None:
    labels = ArrayLayout(first_label=1).arrange_labels(stored)
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("axes", "shape", "remedy"), [("HWC", (3, 32, 30), "CHW"), ("CHW", (32, 30, 1), "HWC")]
)
def test_axes_in_the_other_order_are_told(axes, shape, remedy) -> None:
    with pytest.raises(BadDataError, match="channels by the axes") as caught:
        ArrayLayout(axes).check_axes(shape, "here")
    assert caught.value.remedy == f"--set ingest.axes={remedy}"
    ArrayLayout(remedy).check_axes(shape, "here")
    ArrayLayout(axes).check_axes((32, 30), "here")
    ArrayLayout(axes).check_axes((3, 5, 3), "here")


def test_the_settings_are_taken_before_what_is_known_by_the_name() -> None:
    for setting, name, wanted in [
        (None, "emnist-letters", True),
        (None, "mnist", False),
        (False, "emnist", False),
        (True, "mnist", True),
    ]:
        assert ArrayLayout.of(SourceConfig(transpose=setting), name).transpose is wanted
