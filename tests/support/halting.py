"""Define sources that halt in the middle, so that a test can act then, or that fail once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.sources import Part, SourceConfig
from data.sources.arrays.digits import DigitsSource

_LONG = 120.0  # seconds after which it goes on in any case


class HaltingDigits(DigitsSource):
    """The digits; reading says `started` in the folder, and waits for `go` to lie there."""

    def __init__(self, config: SourceConfig) -> None:
        super().__init__(SourceConfig())
        self._folder = config.options["folder"].removeprefix("at:")

    def read(self, part: Part) -> Iterator[Any]:
        folder = Path(self._folder)
        (folder / "started").touch()
        end = time.monotonic() + _LONG
        while not (folder / "go").exists() and time.monotonic() < end:
            time.sleep(0.1)
        yield from super().read(part)


class FailingOnce(DigitsSource):
    """The digits; of all workers the first that reads the test split cannot."""

    def __init__(self, config: SourceConfig) -> None:
        super().__init__(SourceConfig())
        self._folder = config.options["folder"].removeprefix("at:")

    def read(self, part: Part) -> Iterator[Any]:
        if part.split == "test":
            try:
                (Path(self._folder) / "failed").touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                raise ValueError("this worker's disk went away")
        yield from super().read(part)
