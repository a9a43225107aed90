"""Hold the rules of a folder's layout: what is refused, and which folders are no classes."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.sources.file_source import LeftOut
from data.sources.split_names import USUAL_NAMES


@dataclass(frozen=True, kw_only=True)
class LayoutSettings:
    """How a folder is to be read."""

    root: str  # the folder, for messages
    nested: bool = False  # whether a class's name is the whole path below the split
    class_names: tuple[str, ...] | None = None  # all classes; None: those of the folders

    def names(self, label: str) -> bool:
        """Return whether the given class names hold a label."""
        return _normalize(label) in self._names

    @functools.cached_property
    def _names(self) -> set[str]:
        return set(map(_normalize, self.class_names or ()))


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The folders that hold images: their names below the root → one of their images."""

    folders: dict[tuple[str, ...], str]
    splits: dict[str, str]  # folder → split; empty: there are no splits

    @property
    def depth(self) -> int:
        """Number of folders above those whose names are classes."""
        return 1 if self.splits else 0

    def get_label(self, folders: tuple[str, ...]) -> str:
        return "/".join(folders[self.depth :])


def refuse_unlabelled(layout: Layout, settings: LayoutSettings) -> None:
    for folder, image in layout.folders.items():
        if len(folder) <= layout.depth:
            raise BadDataError(
                f"{settings.root} has images without a class",
                expected="each image in a folder that is named by its class: "
                + ("train/cat/one.jpg" if layout.depth else "cat/one.jpg"),
                got=f"{escape_line(image)} directly in the "
                + ("folder of a split" if layout.depth else "folder"),
                follows="nothing was ingested",
                remedy="move the images into folders of classes, or list them with their labels in "
                "a table: --set ingest.source=table",
            )


def refuse_nested(layout: Layout, settings: LayoutSettings) -> None:
    """Refuse folders in the folders of classes, unless they are classes too."""
    for folder, image in layout.folders.items():
        inner, label = folder[layout.depth :], layout.get_label(folder)
        if len(inner) < 2:
            continue
        split = next(filter(is_split, inner), None)
        if settings.nested and (split is None or settings.names(label)):
            continue
        if not layout.depth and len({folder[0] for folder in layout.folders}) == 1:
            remedy = f"set ingest.path to {settings.root}/{escape_line(folder[0])}"
        elif not layout.depth and (name := _find_split_name(folder[0])):
            remedy = f"rename {escape_line(folder[0])} to {name} if it is a split"
        elif split:
            remedy = f"put the split first: {split}/{escape_line(inner[0])}"
        else:
            remedy = "move the images up into the folder of their class"
        if not settings.nested:
            choice = "--set ingest.nested_classes=true: then the class is"
            remedy += f", or {choice} {escape_line(label)!r}"
        raise BadDataError(
            f"{settings.root} has folders within folders of classes",
            expected="images directly in the folder of their class",
            got=escape_line(image),
            follows="nothing was ingested",
            remedy=remedy,
        )


def list_empty(listed: Iterable[str], layout: Layout, settings: LayoutSettings) -> list[LeftOut]:
    """List the folders without images; of a folder and those in it the topmost alone.

    Raises:
        BadDataError: one could be a class.
    """
    used = {"/".join(f[:end]) for f in layout.folders for end in range(1, len(f) + 1)}
    ends = range(layout.depth + 1, 1 + max(map(len, layout.folders)))
    labels = {layout.get_label(f[:end]) for f in layout.folders for end in ends}
    left_out = []
    for name in listed:
        above, _, _ = name.rpartition("/")
        inner = tuple(name.split("/"))[layout.depth :]
        label = "/".join(inner)
        if name in used or (above and above not in used) or label in labels:
            continue
        could_be_class = inner and (settings.nested or len(inner) == 1) and not is_split(name)
        if could_be_class and settings.class_names is None:
            raise BadDataError(
                f"the folder {escape_line(name)} in {settings.root} has no images",
                expected="one or more images of each class",
                got="no file that ends in .jpg, .png, .gif, .webp or .bmp",
                follows="nothing was ingested: the folder could be a class",
                remedy="remove the folder, or name all classes in ingest.class_names",
            )
        if not settings.names(label):
            left_out.append(LeftOut(f"{name}/", "a folder without images"))
    return left_out


def is_split(name: str) -> bool:
    return name.casefold() in USUAL_NAMES


def _find_split_name(name: str) -> str | None:
    """Return the name of the split that a name such as training_set begins with."""
    return next((split for split in USUAL_NAMES if name.casefold().startswith(split)), None)


def _normalize(name: str) -> str:
    return unicodedata.normalize("NFC", name)
