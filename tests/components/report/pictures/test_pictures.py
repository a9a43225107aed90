from __future__ import annotations

import base64
import dataclasses
import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from PIL import Image

from components.artifacts import Examples, Model
from components.report.html.mistakes import encode_data_uri
from components.report.metric_series import collect_metrics
from components.report.pictures import canvas
from components.report.pictures.album import draw_album, first_indices
from components.report.pictures.curves import draw_learning_curves
from components.report.pictures.images import draw_image_sheet, draw_raw_values
from components.report.pictures.predictions import TRUE, UNKNOWN, WRONG, draw_predictions
from data.examples.artifact import shard_name
from data.examples.tf_example import encode
from data.spec import ImageSpec
from serving_export.predict import Answer, Prediction

RNG = np.random.default_rng(0)
LONG = r"$\frac{ the name\n of a class_that^nobody would ever read to its end & 100% \TeX$ number"
IMAGES = nps.arrays(
    np.uint8,
    st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3, 4])),
)


def some(n: int, *shape: int) -> np.ndarray:
    return RNG.integers(0, 256, (n, *shape), dtype=np.uint8)


def answer(
    classes: int, *, right: bool | None, name: str = "class", shape: tuple[int, ...] = (8, 8, 1)
) -> Answer:
    """An answer with all the classes' probabilities about as likely, the true one the least."""
    names = [f"{name} {i}" for i in range(classes)]
    shares = np.linspace(1, 2, classes)
    by_name = dict(zip(names, (shares / shares.sum()).tolist(), strict=True))
    label = {None: None, True: names[-1], False: names[0]}[right]
    return Answer(
        "test[0]", some(1, *shape)[0], Prediction(names[-1], by_name[names[-1]], by_name), label
    )


def drawn(page: Any, tmp_path: Path) -> np.ndarray:
    """The picture read back: (height, width, 3) uint8."""
    with Image.open(canvas.save(page, tmp_path / "drawn.png")) as image:
        return np.asarray(image.convert("RGB"))


def has(picture: np.ndarray, colour: str) -> bool:
    return bool((picture == np.rint(np.array(to_rgb(colour)) * 255)).all(axis=-1).any())


def place_of(block: np.ndarray, picture: np.ndarray) -> tuple[int, int] | None:
    """Where a block of pixels stands in a picture, by looking everywhere."""
    height, width = block.shape[:2]
    corners = (picture[: 1 - height, : 1 - width] == block[0, 0]).all(axis=-1)
    for y, x in np.argwhere(corners):
        if (picture[y : y + height, x : x + width] == block).all():
            return int(y), int(x)
    return None


def assert_nothing_is_clipped(page: Any) -> None:
    """By the renderer: the box around all that is drawn, texts included, is the figure's own."""
    figure = canvas.get_figure(page)
    box = figure.get_tightbbox(figure.canvas.get_renderer())
    inside = [box.x0, box.y0, figure.get_figwidth() - box.x1, figure.get_figheight() - box.y1]
    assert min(inside) >= -1e-9


@given(IMAGES, st.integers(1, 30))
def test_a_small_image_is_made_of_blocks_of_its_own_values(image: np.ndarray, factor: int) -> None:
    side = factor * max(image.shape[:2])
    seen = canvas.scale(canvas.convert_to_rgb(image), side)
    whole = np.kron(canvas.convert_to_rgb(image), np.ones((factor, factor, 1), np.uint8))
    np.testing.assert_array_equal(seen, whole)


@given(IMAGES, st.integers(1, 200))
def test_scaled_images_fill_their_square_and_keep_their_range(image: np.ndarray, side: int) -> None:
    image = canvas.convert_to_rgb(image)
    seen = canvas.scale(image, side)
    assert max(seen.shape[:2]) == side
    assert seen.dtype == np.uint8
    assert image.min() <= seen.min()
    assert seen.max() <= image.max()
    share = image.shape[0] / image.shape[1]
    assert seen.shape[0] == pytest.approx(seen.shape[1] * share, abs=max(1, share))


@given(nps.arrays(np.uint8, (6, 7, 4)))
def test_what_is_transparent_shows_the_paper(image: np.ndarray) -> None:
    image[0, 0, 3], image[0, 1, 3] = 0, 255
    seen = canvas.convert_to_rgb(image)
    assert seen[0, 0].tolist() == [255, 255, 255]
    np.testing.assert_array_equal(seen[0, 1], image[0, 1, :3])


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("n", [1, 5, 7, 25])
def test_a_sheet_holds_every_image_in_order(n: int, channels: int, tmp_path: Path) -> None:
    images = some(n, 7, 5, channels)
    picture = drawn(draw_image_sheet(images, [f"$x_{i}" for i in range(n)]), tmp_path)
    blocks = [np.kron(canvas.convert_to_rgb(i), np.ones((20, 20, 1), np.uint8)) for i in images]
    places = [place_of(block, picture) for block in blocks]
    assert None not in places
    assert places == sorted(places)
    assert len({y for y, _ in places}) == -(-n // 5)


@pytest.mark.parametrize("shape", [(28, 28), (1, 1), (10, 30), (64, 20)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_raw_values_can_be_read_off_the_colours(
    shape: tuple[int, int], channels: int, tmp_path: Path
) -> None:
    image = some(1, *shape, channels)[0]
    page = draw_raw_values(image, LONG)
    assert_nothing_is_clipped(page)
    picture = drawn(page, tmp_path)
    palette = colormaps["viridis"](np.arange(256), bytes=True)[:, :3]
    views = [axes for axes in canvas.get_figure(page).axes if axes.images]
    assert len(views) == (1 if channels == 1 else 1 + channels)
    for view, channel in zip(views[-channels:], range(channels), strict=True):
        rows, columns = np.indices(shape)
        centers = view.transData.transform(np.stack([columns.ravel(), rows.ravel()], axis=1))
        x, y = centers[:, 0].astype(int), (len(picture) - centers[:, 1]).astype(int)
        np.testing.assert_array_equal(picture[y, x], palette[image[..., channel].ravel()])


def test_the_colour_bar_goes_from_0_to_255_whatever_the_image_holds() -> None:
    bar = canvas.get_figure(draw_raw_values(np.full((4, 4, 1), 7, np.uint8), "a")).axes[-1]
    assert bar.get_ylim() == (0, 255)
    assert [text.get_text() for text in bar.get_yticklabels()][::5] == ["0", "255"]


@pytest.mark.parametrize(
    "rights", [[True], [False], [None], [True, True], [True, False], [None] * 4, [False] * 15]
)
@pytest.mark.parametrize("classes", [2, 10, 100])
def test_the_colours_say_who_is_right(
    rights: list[bool | None], classes: int, tmp_path: Path
) -> None:
    answers = [answer(classes, right=right) for right in rights]
    page = draw_predictions(answers)
    picture = drawn(page, tmp_path)
    assert has(picture, WRONG) == (False in rights)
    assert has(picture, TRUE) == (rights[0] is not None)
    assert has(picture, UNKNOWN) == (rights[0] is None)
    words = [text.get_text() for text in page.texts]
    assert sum(w.startswith("✓") for w in words) == rights.count(True)
    assert sum(w.startswith("✗") for w in words) == rights.count(False)
    assert (f"{rights.count(True)} of {len(rights)} right" in words) == (
        len(rights) > 1 and None not in rights
    )


def test_a_caption_names_the_class_its_probability_and_the_true_class() -> None:
    probabilities = {"sneaker": 0.873, "ankle boot": 0.127}
    asked = Prediction("sneaker", 0.873, probabilities)
    image = some(1, 4, 4, 1)[0]
    for label, caption in (
        ("ankle boot", "✗ sneaker  87 % (ankle boot)"),
        ("sneaker", "✓ sneaker  87 %"),
        (None, "sneaker  87 %"),
    ):
        page = draw_predictions([Answer("a", image, asked, label)])
        assert caption in [text.get_text() for text in page.texts]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 15])
@pytest.mark.parametrize("classes", [2, 10, 100])
@pytest.mark.parametrize("name", ["c", LONG])
def test_no_text_is_clipped_and_none_lies_on_another(n: int, classes: int, name: str) -> None:
    answers = [answer(classes, right=i % 2 == 1, name=name) for i in range(n)]
    page = draw_predictions(answers)
    assert_nothing_is_clipped(page)
    boxes = [text.get_tightbbox() for text in page.texts]
    for one, other in itertools.combinations(boxes, 2):
        apart = one.x1 <= other.x0 or other.x1 <= one.x0 or one.y1 <= other.y0 or other.y1 <= one.y0
        assert apart, (one, other)


@pytest.mark.parametrize("name", ["c", LONG])
def test_no_class_name_below_an_image_is_clipped(name: str) -> None:
    assert_nothing_is_clipped(draw_image_sheet(some(6, 9, 9, 3), [f"{name} {i}" for i in range(6)]))


@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")  # boxes are drawn for them
@given(st.text(min_size=1, max_size=200))
def test_a_name_is_never_read_as_tex_and_fits(name: str) -> None:
    axes = canvas.make_sheet(canvas.make_paper(300, 40))
    text = canvas.write(axes, 10, 20, "{}", name, width=120)
    assert not text.get_parse_math()
    shown, words = text.get_text(), " ".join(name.split())
    if shown == words:
        return
    head, _, tail = shown.partition("…")
    assert words.startswith(head)
    assert words.endswith(tail)
    assert text.get_window_extent().width <= 120


def test_many_classes_are_thinned_to_the_likeliest_and_the_true_one() -> None:
    page = draw_predictions([answer(100, right=False)])
    words = [text.get_text() for text in page.texts]
    shown = [w for w in words if w.startswith("class")]
    assert shown == [*(f"class {i}" for i in range(99, 80, -1)), "class 0"]
    assert "shown: 20 of 100 classes, the likeliest first" in words


def test_few_classes_keep_their_order() -> None:
    page = draw_predictions([answer(10, right=True)])
    shown = [w for text in page.texts if (w := text.get_text()).startswith("class")]
    assert shown == [f"class {i}" for i in range(10)]


@pytest.mark.parametrize("epochs", [1, 2, 40, 1000])
def test_learning_curves_show_every_metric_also_of_one_epoch(epochs: int, tmp_path: Path) -> None:
    falling = np.exp(-np.arange(epochs) / 10).tolist()
    history = {"loss": falling, "val_loss": falling, "top_$5": falling, "seconds": 3.5}
    page = draw_learning_curves(history)
    assert_nothing_is_clipped(page)
    picture = drawn(page, tmp_path)
    assert has(picture, TRUE)
    assert has(picture, WRONG)
    assert [text.get_text() for text in page.texts] == ["loss", "top_$5"]
    plot = canvas.get_figure(page).axes[1]
    assert [line.get_ydata().tolist() for line in plot.lines] == [falling, falling]
    assert plot.lines[0].get_xdata().tolist() == list(range(1, epochs + 1))


def test_of_a_history_only_metrics_are_read() -> None:
    history = {
        "auc": [0.5, None],
        "accuracy": [0.1, 0.2],
        "learning_rate": [1e-3, 1e-4],
        "seconds": [1.0, 2.0],
        "steps_per_epoch": 1875,
        "val_f1": [0.3],
        "loss": [2, 1],
        "notes": ["a", "b"],
        "empty": [],
        "gone": [None, None],
        "nested": [[1.0], [2.0]],
    }
    found = collect_metrics(history)
    assert list(found) == ["loss", "accuracy", "auc", "f1"]
    assert found["loss"] == ([2.0, 1.0], [])
    assert found["f1"] == ([], [0.3])
    np.testing.assert_array_equal(found["auc"][0], [0.5, np.nan])
    assert draw_learning_curves({"seconds": 2.0}) is None


@pytest.fixture
def examples(tmp_path: Path) -> Examples:
    spec = ImageSpec(height=6, width=6, channels=1, class_names=("a", "b"))
    path = tmp_path / "examples"
    path.mkdir()
    for split, n in (("train", 30), ("test", 3)):
        shard = encode(some(n, *spec.shape), np.arange(n) % 2)
        (path / shard_name(split, 0, 1)).write_bytes(shard)
    return Examples(path=path, spec=spec, counts={"train": (15, 15), "test": (2, 1)})


def test_examples_alone_give_two_pictures_the_same_every_time(
    examples: Examples, tmp_path: Path
) -> None:
    first = draw_album(examples, None, tmp_path / "first")
    again = draw_album(examples, None, tmp_path / "again")
    assert [file.name for file in first.files] == ["examples.png", "image.png"]
    assert first.problems == ()
    assert [f.read_bytes() for f in first.files] == [f.read_bytes() for f in again.files]
    assert sorted((tmp_path / "first").iterdir()) == sorted(first.files)


@pytest.mark.parametrize("counts", [{}, {"train": (0, 0)}, {"train": (15, 15)}])
def test_splits_that_are_missing_or_empty_are_no_accident(
    examples: Examples, tmp_path: Path, counts: dict[str, tuple[int, ...]]
) -> None:
    few = dataclasses.replace(examples, counts=counts)
    album = draw_album(few, None, tmp_path / "pictures")
    assert len(album.files) == (2 if sum(counts.get("train", ())) else 0)
    assert len(album.files) + len(album.problems) == 2


@pytest.mark.parametrize(("side", "places"), [(28, 25), (2048, 21), (16384, 1)])
def test_of_very_large_images_fewer_are_read(examples: Examples, side: int, places: int) -> None:
    spec = ImageSpec(height=side, width=side, channels=3, class_names=("a", "b"))
    large = dataclasses.replace(examples, spec=spec)
    assert first_indices(25, large, "train") == range(places)
    assert first_indices(25, large, "test") == range(min(places, 3))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("shape", [(1, 1), (400, 600), (3, 2500)])
def test_images_of_any_size_are_shown_and_reduced(shape: tuple[int, int], channels: int) -> None:
    image = some(1, *shape, channels)[0]
    assert_nothing_is_clipped(draw_raw_values(image, "a"))
    sheet = draw_image_sheet(np.stack([image] * 2), ["a", "b"])
    assert canvas.get_figure(sheet).get_size_inches().max() * canvas.DPI < 1000
    content = base64.b64decode(encode_data_uri(image).partition(",")[2])
    shown = np.asarray(Image.open(io.BytesIO(content)))
    assert max(shown.shape[:2]) == min(192, max(shape))
    assert shown.dtype == np.uint8


def test_a_large_image_keeps_its_own_row_and_column_numbers() -> None:
    page = draw_raw_values(some(1, 3000, 1500, 1)[0], "a")
    assert_nothing_is_clipped(page)
    view = canvas.get_figure(page).axes[1]
    assert (view.get_xlim(), view.get_ylim()) == ((-0.5, 1499.5), (2999.5, -0.5))


def test_what_cannot_be_drawn_is_told_and_the_rest_is_drawn(
    examples: Examples, tmp_path: Path
) -> None:
    (examples.path / shard_name("train", 0, 1)).write_bytes(b"no record")
    model = Model(path=tmp_path / "gone", spec=examples.spec, digest="d")
    album = draw_album(examples, model, tmp_path / "pictures")
    assert [file.name for file in album.files] == ["image.png"]
    told = dict(line.split(" could not be drawn: ") for line in album.problems)
    assert list(told) == [
        "examples.png",
        "prediction.png",
        "predictions.png",
        "learning_curves.png",
    ]
    assert "cannot be read" in told["examples.png"]
    assert "not a model" in told["predictions.png"]
    assert "is missing" in told["learning_curves.png"]


def test_nothing_to_draw_makes_nothing(tmp_path: Path) -> None:
    assert draw_album(None, None, tmp_path / "pictures") == ((), ())
    assert not (tmp_path / "pictures").exists()


def test_a_folder_that_cannot_be_made_is_told(examples: Examples, tmp_path: Path) -> None:
    (tmp_path / "pictures").write_text("a file")
    album = draw_album(examples, None, tmp_path / "pictures")
    assert album.files == ()
    assert "cannot make" in album.problems[0]
