"""Open a source whose data may be read in several ways, and say what was assumed.

A run assumes only that EMNIST is transposed, and says so; of all else its error names the setting.
Here the setting that the error names is tried, since a person sees the assumption and the images.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Collection
from typing import Any, NamedTuple

from components.ingest import Config
from data.errors import BadDataError, ConfigError
from data.sources import Source, list_settings, make_source
from data.sources.file_source import FileSource
from pipeline.inspection.dataset.formats.place import look_at_place

# settings that say how the same bytes are read
_ADVICE = re.compile(r"--set '?ingest\.(axes|first_label|shape|transpose)=(\[[0-9, ]+\]|\w+)")
_EMNIST = re.compile(r"(?<![a-z])emnist")
_OTHERWISE = {
    "axes": "ingest.axes=HWC",
    "first_label": "ingest.class_names=[…], with a name for the label 0",
}
_UNDECIDED = ("pixels_csv", "tfrecord")  # the order of an image's axes is nowhere in their data


class Assumption(NamedTuple):
    """A setting that the data does not decide."""

    value: Any
    why: str
    otherwise: str  # the setting by which the data is read in another way


class Opened(NamedTuple):
    """A source that can read its data, and how it does."""

    source: Source | FileSource
    config: Config
    assumed: dict[str, Assumption]  # by the name of the setting


def open_source(config: Config, given: Collection[str]) -> Opened:
    """Make the source of a config; settings that the user did not give are assumed where needed.

    Args:
        config: of ingest.
        given: names of the settings that are the user's, which stay as they are.

    Raises:
        ConfigError, BadDataError: as `make_source`, where no assumption helps.
        EnvironmentTrouble: the data cannot be read.
    """
    assumed = _assume_by_name(config, given)
    while True:
        values = {name: assumption.value for name, assumption in assumed.items()}
        current = dataclasses.replace(config, **values)
        try:
            source = make_source(current.source, current.source_config(()))
            _ask_classes(source)
        except (BadDataError, ConfigError) as error:
            advice = _find_advice(error)
            if not advice or advice.keys() & {*given, *assumed}:
                raise
            assumed |= advice
        else:
            return Opened(source, current, assumed | _name_axes(source, current, given))


def _ask_classes(source: Source | FileSource) -> None:
    """Let a source look at its labels, unless it must be prepared first."""
    if hasattr(source, "prepare"):
        return
    if isinstance(source, FileSource):
        source.class_names()
    else:
        source.spec()


def _assume_by_name(config: Config, given: Collection[str]) -> dict[str, Assumption]:
    """Assume that rows and columns are exchanged in what is called EMNIST."""
    if "transpose" in given or "transpose" not in list_settings(config.source):
        return {}
    place = look_at_place(str(config.path))
    dataset = config.name or ""  # one of several in the folder
    names = [n for n in place.files if n.startswith(dataset) and _EMNIST.search(n.lower())]
    if not names:
        return {}
    why = f"The name {names[0]}: EMNIST stores the rows of its images as columns."
    return {"transpose": Assumption(True, why, "ingest.transpose=false")}


def _find_advice(error: BadDataError | ConfigError) -> dict[str, Assumption]:
    """Return the setting of reading that the remedy of an error names."""
    match = _ADVICE.search(error.remedy or "")
    if match is None:
        return {}
    name, text = match.groups()
    got = error.got or error.what
    otherwise = _OTHERWISE.get(name, f"ingest.{name}=…")
    return {name: Assumption(_parse(text), f"{got[:1].upper()}{got[1:]}.", otherwise)}


def _name_axes(
    source: Source | FileSource, config: Config, given: Collection[str]
) -> dict[str, Assumption]:
    """Name the order of the axes, where nothing in the data says it: the images show it."""
    if config.source not in _UNDECIDED or isinstance(source, FileSource) or "axes" in given:
        return {}
    if source.spec().channels == 1:
        return {}
    other = "CHW" if config.axes == "HWC" else "HWC"
    why = "The data does not say in which order the channels of its images lie."
    return {"axes": Assumption(config.axes, why, f"ingest.axes={other}")}


def _parse(text: str) -> Any:
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return tuple(value) if isinstance(value, list) else value
