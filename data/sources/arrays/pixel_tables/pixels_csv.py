"""Read CSV files with a label and one column for each pixel, such as Kaggle's MNIST."""

from __future__ import annotations

import os
import re
from pathlib import Path

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.files.input_files import InputPath, resolve_input_path
from data.files.read_errors import translate_file_errors
from data.sources.arrays.array_source import ArraySource
from data.sources.arrays.named_arrays import choose_dataset, parse_table_name
from data.sources.arrays.pixel_tables.columns import no_label_error
from data.sources.arrays.pixel_tables.table import Opened, PixelTable, open_table, scan_table
from data.sources.source_config import SourceConfig
from data.sources.split_names import SPLIT_NAMES, TRAIN, open_train

_SHOWN = 8  # most files that a message names
_ENDING = re.compile(r"\.csv(\.gz)?$", re.IGNORECASE)


class PixelsCsvSource(ArraySource):
    """The rows of the file `path`, or of the files of the folder `path`, one for each split.

    Values are integers, 0 to 255, plain or gzip. A table without a label, such as the test split of
    a competition, is not used.
    """

    def __init__(self, config: SourceConfig) -> None:
        config.check("pixels_csv")
        path = resolve_input_path(config.path, config.beam_args)
        files, unused = _find_files(path, config.name)
        facts = [f"{escape_line(file.name)} is not used" for file in unused]
        tables: dict[str, PixelTable] = {}
        for split, file in files.items():
            opened = open_table(file, config)
            columns = opened.columns
            if split == TRAIN:
                if columns is None:
                    raise no_label_error(opened.header, config, escape_line(str(file)))
                facts += columns.facts
            elif columns is None or _lacks_column(opened, tables[TRAIN]):
                facts.append(f"{escape_line(file.name)} is not used: it has no label")
                continue
            tables[split] = scan_table(opened, columns, config)
        names = open_train({split: split for split in tables})
        super().__init__({names[split]: [tables[split]] for split in tables}, config, facts=facts)


def _lacks_column(opened: Opened, train: PixelTable) -> bool:
    """Return whether a table without a header has one column less than that of train."""
    return opened.header is None and opened.num_columns == train.columns.total - 1


def _find_files(
    path: InputPath, dataset: str | None
) -> tuple[dict[str, InputPath], list[InputPath]]:
    """Return the file of each split, train first, and the files that are not used."""
    if not _is_folder(path):
        return {TRAIN: path}, []
    where = escape_line(str(path))
    with translate_file_errors(where, "a folder with CSV files"):
        present: list[InputPath] = sorted(path.iterdir(), key=lambda file: file.name)
    files = [file for file in present if _ENDING.search(file.name)]
    if len(files) == 1:
        return {TRAIN: files[0]}, []
    named = [(n, f) for f in files if (n := parse_table_name(_ENDING.sub("", f.name)))]
    found = choose_dataset(named, dataset, where)
    chosen = {split: file for split in SPLIT_NAMES if (file := found.arrays.get((split, "images")))}
    if TRAIN not in chosen:
        raise BadDataError(
            f"{where} has no table of the split train",
            expected="one CSV file, or files such as train.csv and test.csv.gz",
            got=", ".join(escape_line(file.name) for file in present[:_SHOWN]) or "an empty folder",
            follows="nothing was ingested",
            remedy="set ingest.path to the file, or rename it",
        )
    return chosen, [file for file in files if file not in chosen.values()]


def _is_folder(path: InputPath) -> bool:
    return os.path.isdir(path) if isinstance(path, Path) else not _ENDING.search(path.name)
