from __future__ import annotations

import pytest

from data.errors import BadDataError
from data.spec import ImageSpec


def test_what_follows_from_a_spec() -> None:
    spec = ImageSpec(height=2, width=3, channels=4, class_names=("a", "b"))
    assert (spec.shape, spec.num_classes, spec.image_bytes) == ((2, 3, 4), 2, 24)


@pytest.mark.parametrize(
    "changes",
    [
        {"height": 0},
        {"width": -1},
        {"height": 16_385},
        {"channels": 2},
        {"class_names": ()},
        {"class_names": ("a",)},
        {"class_names": ("a", "a")},
        {"class_names": ("a", "")},
    ],
)
def test_what_no_spec_can_say(changes: dict) -> None:
    with pytest.raises(BadDataError, match="expected:"):
        ImageSpec(**{"height": 1, "width": 1, "channels": 1, "class_names": ("a", "b"), **changes})
