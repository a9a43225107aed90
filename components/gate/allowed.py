"""How far the rules that always hold give way, as config."""

from __future__ import annotations

from dataclasses import dataclass

from data.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """How far the sanity rules give way."""

    # classes that the model may never predict though the split holds images of them
    unpredicted_classes: int = 0
    # share of the split that the model may have been trained on: published sets repeat some images
    trained_on_share: float = 0.001
    # largest difference of a probability from the trained model's
    parity: float = 1e-5

    def __post_init__(self) -> None:
        for name in ("trained_on_share", "parity"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(
                    f"evaluate.allowed.{name} is out of range",
                    expected="0 to 1",
                    got=getattr(self, name),
                )
        if self.unpredicted_classes < 0:
            raise ConfigError(
                "evaluate.allowed.unpredicted_classes is out of range",
                expected="0 or more",
                got=self.unpredicted_classes,
            )
