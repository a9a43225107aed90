"""Find the splits and classes of a folder of images by the names of its folders.

    class/name.ext              split/class/name.ext
    class/…/class/name.ext      split/class/…/class/name.ext     where classes are nested

What could be read in two ways is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.sources.file_source import LeftOut
from data.sources.image_files.class_labels import choose_classes
from data.sources.image_files.labelled import Dataset, LabelledFile
from data.sources.image_files.layout_rules import (
    Layout,
    LayoutSettings,
    is_split,
    list_empty,
    refuse_nested,
    refuse_unlabelled,
)
from data.sources.image_files.listing import Listing, explain_no_image, is_image_name
from data.sources.split_names import USUAL_NAMES, open_train

_SHOWN = 6


def read_layout(listing: Listing, settings: LayoutSettings) -> Dataset:
    """Find split and class of each image of a listing.

    Raises:
        BadDataError: the folders can be read in two ways, or in none.
    """
    images = [file for file in listing.files if is_image_name(file.name)]
    others = [file.name for file in listing.files if not is_image_name(file.name)]
    left_out = [*listing.left_out, *(LeftOut(name, explain_no_image(name)) for name in others)]
    _refuse_no_images(len(images), left_out, settings)
    places = [tuple(file.name.split("/")[:-1]) for file in images]
    folders = {folder: file.name for folder, file in zip(places, images, strict=True)}
    layout = Layout(folders=folders, splits=_find_splits(folders, settings))
    refuse_unlabelled(layout, settings)
    refuse_nested(layout, settings)
    left_out += list_empty(listing.folders, layout, settings)
    labels = {layout.get_label(folder): "/".join(folder) for folder in folders}
    class_names, classes = choose_classes(
        {label: f"the folder {place}" for label, place in labels.items()},
        settings.class_names,
        settings.root,
    )
    splits = open_train(layout.splits)
    files = [
        LabelledFile(
            file.name,
            classes[layout.get_label(folder)],
            splits.get(folder[0]),
            file.size,
            file.identity,
            file.problem,
        )
        for folder, file in zip(places, images, strict=True)
    ]
    described = "classes by folder"
    if layout.splits:
        described = f"splits by folder ({', '.join(map(escape_line, layout.splits))}), {described}"
    return Dataset(class_names, files, sorted(left_out), described)


def _refuse_no_images(images: int, left_out: list[LeftOut], settings: LayoutSettings) -> None:
    if images:
        return
    reasons = Counter(entry.reason for entry in left_out).most_common(_SHOWN)
    raise BadDataError(
        f"{settings.root} has no images",
        expected="files in folders that are named by their class: cat/one.jpg, dog/two.png",
        got=", ".join(f"{count} x {reason}" for reason, count in reasons) or "an empty folder",
        follows="nothing was ingested",
        remedy="check ingest.path; convert images of other formats to PNG or JPEG",
    )


def _find_splits(folders: Iterable[tuple[str, ...]], settings: LayoutSettings) -> dict[str, str]:
    """Map the folders that are splits to their splits; empty where there are none."""
    tops = list(dict.fromkeys(folder[0] for folder in folders if folder))
    splits = {top: USUAL_NAMES[top.casefold()] for top in tops if is_split(top)}
    direct = {folder[0] for folder in folders if len(folder) == 1}
    if direct.issuperset(splits) and all(map(settings.names, tops)):
        return {}  # classes that are called as splits are
    others = [top for top in tops if top not in splits]
    if splits and others:
        raise BadDataError(
            f"{settings.root} has splits and classes side by side",
            expected="folders of splits alone (train, val, valid, validation, test), each with "
            "folders of classes, or folders of classes alone",
            got=f"{_show(splits)} beside {_show(others)}",
            follows="nothing was ingested",
            remedy="move the classes into train/; where a class has the name of a split, name all "
            "classes in ingest.class_names",
        )
    first: dict[str, str] = {}
    for top, split in splits.items():
        if first.setdefault(split, top) != top:
            raise BadDataError(
                f"{settings.root} has two folders for the split {split}",
                expected="one folder for each split",
                got=_show([first[split], top]),
                follows="nothing was ingested",
                remedy="move the images of one into the other",
            )
    return splits


def _show(names: Iterable[str]) -> str:
    shown = [escape_line(name) for name in names]
    return ", ".join(shown[:_SHOWN]) + (" …" if len(shown) > _SHOWN else "")
