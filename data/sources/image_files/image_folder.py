"""Read a folder of image files in which the folders' names are the classes."""

from __future__ import annotations

from data.files.input_files import resolve_input_path
from data.sources.image_files.labelled import (
    Dataset,
    compile_group,
    match_group,
    refuse_divided_groups,
    refuse_shared_files,
)
from data.sources.image_files.layout import read_layout
from data.sources.image_files.layout_rules import LayoutSettings
from data.sources.image_files.listed_source import ListedSource
from data.sources.image_files.listing import list_folder
from data.sources.source_config import SourceConfig


class ImageFolderSource(ListedSource):
    """Reads `class/name.ext`, or `train/class/name.ext` and other splits, below `ingest.path`."""

    def __init__(self, config: SourceConfig) -> None:
        config.check("image_folder")
        super().__init__(resolve_input_path(config.path, config.beam_args))
        self._settings = LayoutSettings(
            root=str(self._folder), nested=config.nested_classes, class_names=config.class_names
        )
        self._pattern = None if config.group is None else compile_group(config.group)

    def list_dataset(self) -> Dataset:
        dataset = read_layout(list_folder(self._folder), self._settings)
        refuse_shared_files(dataset.files)
        if self._pattern is None:
            return dataset
        files = [f._replace(group=match_group(self._pattern, f.name)) for f in dataset.files]
        refuse_divided_groups(files)
        described = f"{dataset.described}, groups by {self._pattern.pattern!r}"
        return Dataset(dataset.class_names, files, dataset.left_out, described)
