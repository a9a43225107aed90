"""What all pictures rest on: figures measured in pixels, plain text, images in any size.

Matplotlib's objects are used without pyplot, so that no figure outlives its picture and nothing
global is touched.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from data.files.durable_files import translate_disk_errors

DPI = 100
MARGIN = 24  # pixels
_FRAME = 204  # grey of the line around an image, so that a white one has an edge
PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}  # a "$" in a class name is a "$"


def blank(width: int, height: int) -> np.ndarray:
    """White paper: (height, width, 3) uint8."""
    return np.full((height, width, 3), 255, np.uint8)


def sheet(paper: np.ndarray) -> Axes:
    """A figure of just this paper, below axes whose unit is a pixel, from the upper left corner.

    Args:
        paper: (height, width, 3) uint8; each of its pixels is one of the figure.
    """
    height, width = paper.shape[:2]
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    FigureCanvasAgg(figure)
    figure.figimage(paper, zorder=-1)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0), autoscale_on=False)
    axes.axis("off")
    return axes


def panel(page: Axes, left: int, top: int, width: int, height: int) -> Axes:
    """Ordinary axes in a place of a sheet, in its pixels."""
    figure = figure_of(page)
    across, down = page.get_xlim()[1], page.get_ylim()[0]
    place = (left / across, 1 - (top + height) / down, width / across, height / down)
    return figure.add_axes(place)


def figure_of(artist: Artist) -> Figure:
    figure = artist.get_figure(root=True)
    assert isinstance(figure, Figure)
    return figure


def paste(paper: np.ndarray, image: np.ndarray, left: int, top: int, side: int) -> None:
    """Put an image in the middle of a square of the paper, framed, as large as it goes.

    Args:
        paper: (height, width, 3) uint8; changed in place.
        image: (height, width, channels) uint8, 0-255, of 1, 3 or 4 channels; what is transparent
            shows the paper.
        left, top: of the square; one pixel more on each side must be free for the frame.
        side: of the square.
    """
    seen = scaled(convert_to_rgb(image), side)
    height, width = seen.shape[:2]
    top, left = top + (side - height) // 2, left + (side - width) // 2
    paper[top - 1 : top + height + 1, left - 1 : left + width + 1] = _FRAME
    paper[top : top + height, left : left + width] = seen


def convert_to_rgb(image: np.ndarray) -> np.ndarray:
    """(height, width, 1, 3 or 4) uint8 → (height, width, 3) uint8, alpha laid over white."""
    if image.shape[-1] == 1:
        return np.repeat(image, 3, axis=-1)
    if image.shape[-1] == 4:
        alpha = image[..., 3:] / 255
        return np.rint(image[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return image


def scaled(image: np.ndarray, side: int) -> np.ndarray:
    """Bring (height, width, 3) uint8 to a longer side of `side` pixels.

    A small image's pixels become blocks of their own values; a large one's are averaged.
    """
    longest = max(image.shape[:2])
    height, width = (max(1, round(n * side / longest)) for n in image.shape[:2])
    if longest > side:
        small = Image.fromarray(image).resize((width, height), Image.Resampling.BOX)
        return np.asarray(small)
    rows = np.arange(height) * image.shape[0] // height
    columns = np.arange(width) * image.shape[1] // width
    blocks: np.ndarray = image[rows[:, None], columns]
    return blocks


def write(
    axes: Axes,
    x: float,
    y: float,
    words: str,
    *names: str,
    width: float,
    size: float = 10,
    **style: Any,
) -> Text:
    """Write plain text that is no wider than `width` pixels.

    Args:
        axes: a sheet's.
        x, y: where, in its pixels.
        words: with a {} for each name.
        names: what a user named, of any length; cut in the middle where there is no room.
        width: most pixels across.
        size: of the letters, in points.
        style: what Matplotlib knows of text, such as ha and color.
    """
    names = tuple(" ".join(name.split()) for name in names)
    text = axes.text(x, y, words.format(*names), fontsize=size, **{**PLAIN, **style})
    fits, too_long = 1, 1 + max(map(len, names), default=0)
    if text.get_window_extent().width <= width:
        return text
    while too_long - fits > 1:  # the most letters that each name may have
        letters = (fits + too_long) // 2
        text.set_text(words.format(*(_cut(name, letters) for name in names)))
        if text.get_window_extent().width <= width:
            fits = letters
        else:
            too_long = letters
    text.set_text(words.format(*(_cut(name, fits) for name in names)))
    return text


def _cut(name: str, letters: int) -> str:
    """Both ends of a name: what tells "tabby cat" from "tabby dog" may stand at either."""
    if len(name) <= letters:
        return name
    tail = (letters - 1) // 2
    return name[: letters - 1 - tail] + "…" + name[len(name) - tail :]


def save(page: Axes, path: Path) -> Path:
    """Write the sheet's figure as a PNG: the whole file or none. Returns the path.

    The same picture gives the same bytes.

    Raises:
        EnvironmentTrouble: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.part")
    with translate_disk_errors(f"cannot write {path}"):
        try:
            figure_of(page).savefig(temporary, dpi=DPI, format="png", metadata={"Software": None})
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return path
