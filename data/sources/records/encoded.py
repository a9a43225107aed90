"""Read encoded images, such as JPEG and PNG, from the records of TFRecord files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from data.errors import ConfigError
from data.files.input_files import InputPath
from data.sources import file_source
from data.sources.file_source import FilePart, ImageFile, LeftOut
from data.sources.records.features import Columns
from data.sources.records.labelled_records import LabelledRecords, Piece, PieceLimits
from data.sources.records.record_files import RecordFiles
from data.sources.source_config import SourceConfig

_FOR_PIXELS = ("shape", "axes", "transpose")


@dataclass(frozen=True)
class _Items:
    name: str
    path: InputPath
    split: str | None
    piece: Piece


class EncodedRecords:
    """A `FileSource` of records that hold image files."""

    def __init__(self, files: RecordFiles, columns: Columns, config: SourceConfig) -> None:
        _refuse_settings_of_pixels(config)
        self._files = files
        self._records = LabelledRecords(
            files.files,
            columns,
            config,
            PieceLimits(file_source.PART_FILES, file_source.PART_BYTES, True),
        )

    def class_names(self) -> Sequence[str]:
        return self._records.classes.names

    def list_parts(self) -> list[FilePart]:
        pieces = [(file, piece) for file, scan in self._records.scans for piece in scan.pieces]
        return [
            FilePart(
                index=index,
                files=piece.images,
                size=piece.size,
                items=_Items(file.name, file.path, file.split, piece),
            )
            for index, (file, piece) in enumerate(pieces)
        ]

    def left_out(self) -> Sequence[LeftOut]:
        return self._files.left_out

    def given_splits(self) -> set[str | None]:
        return {file.split for file, scan in self._records.scans if scan.pieces}

    def describe(self) -> str:
        return f"{self._records.columns.describe()}, {self._files.described}"

    def read_files(self, part: FilePart) -> Iterator[ImageFile]:
        """Read the part's images in order; one without its image is yielded with the problem."""
        items: _Items = part.items
        names = self._records.classes.names
        for example in self._records.read(items.path, items.piece):
            content, problem = b"", None
            try:
                content = self._records.columns.read_content(example.features)
            except ValueError as error:
                problem = str(error)
            yield ImageFile(
                name=f"{items.name}[{example.record}]",
                content=content,
                label=names[example.label],
                split=items.split,
                problem=problem if content else problem or "an empty image",
            )


def _refuse_settings_of_pixels(config: SourceConfig) -> None:
    default = SourceConfig()
    for name in _FOR_PIXELS:
        if getattr(config, name) != getattr(default, name):
            raise ConfigError(
                f"the records hold encoded images, which cannot use ingest.{name}",
                expected="pixels in a row",
                got=f"ingest.{name} = {getattr(config, name)!r}",
                follows="nothing was ingested",
                remedy="remove the setting; ingest.height, ingest.width and ingest.fit say the "
                "size of the images",
            )
