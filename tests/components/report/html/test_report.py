"""The report as a page: what it says, that it says it as text, and that it needs nothing else."""

from __future__ import annotations

import base64
import copy
import dataclasses
import io
import itertools
import math
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import report_facts
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from components.evaluate.measure.cells import find_largest
from components.report.html import charts, comparison, confusion, number_formats
from components.report.html.facts import Facts, StepFacts
from components.report.html.mistakes import collect_mistakes, encode_data_uri
from components.report.html.page import render
from data.base.visible_text import escape_controls
from data.examples.read_images import read_images

NASTY = ["<script>alert(1)</script>", "</td></table>", "{{ 7 * 7 }}", "a & b", "\"'><img src=x>"]
VOID = {"meta", "link", "img", "br", "path", "circle", "rect"}
FINITE = st.floats(-1e6, 1e6)


class Page(HTMLParser):
    """A page as a browser would take it apart: elements in order, and the text that is shown."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.parts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.parts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.parts))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Facts]:
    """A function that makes up a run, its examples in a folder of its own."""
    return lambda **how: report_facts.make(tmp_path_factory.mktemp("examples"), **how)


@pytest.fixture(scope="session")
def facts(make: Callable[..., Facts]) -> Facts:
    return make()


def cells(page: str, caption: str) -> list[list[str]]:
    """The rows of the table with this caption, each cell's text."""
    tables = re.findall(r"<table.*?</table>", page, re.DOTALL)
    table = next(table for table in tables if f">{caption}</caption>" in table)
    rows = [
        re.findall(r"<t[hd]\b.*?>(.*?)</t[hd]>", row, re.DOTALL)
        for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)
    ]
    return [[Page(f"<p>{cell}</p>").text.strip() for cell in row] for row in rows]


def test_the_page_says_what_the_verdict_says(facts: Facts) -> None:
    page = Page(render(facts))
    verdict = facts.verdict
    assert verdict
    assert "✓ Passed" in page.text
    assert facts.run_id in page.text
    for rule in verdict["rules"]:
        assert all(rule[part] in page.text for part in ("name", "needed", "reason", "status"))
    for model in ("candidate", "baseline"):
        for name in ("accuracy", "loss", "precision", "recall", "f1", "auc", "ece"):
            assert (
                number_formats.format_number(verdict["metrics"][model]["overall"][name])
                in page.text
            )
    for digest in (verdict["model"]["digest"], verdict["baseline"]["digest"]):
        assert digest in page.text
    assert "pushed as version 4" in page.text
    assert "compared with version 3" in page.text


def test_a_failed_verdict_says_why_and_who_pushed_all_the_same(make: Callable[..., Facts]) -> None:
    facts = make(skill=0.5, before=0.9, override=None)
    verdict = facts.verdict
    assert verdict
    verdict = {**verdict, "suspect_the_data": "suspect the data: it is strange"}
    override = {"rules": ["accuracy overall"], "by": "ana", "reason": "it is relabelled"}
    text = Page(render(dataclasses.replace(facts, verdict=verdict, override=override))).text
    assert "✗ Failed" in text
    assert len(verdict["reasons"]) > 1
    for reason in verdict["reasons"]:
        assert reason in text
    assert "Suspect the data: it is strange." in text
    assert "by ana: “it is relabelled”. Overruled: accuracy overall" in text


def test_each_class_stands_beside_what_the_baseline_did(facts: Facts) -> None:
    verdict = facts.verdict
    assert verdict
    head, *rows = cells(render(facts), "Classes")
    assert [row[0] for row in rows] == verdict["data"]["class_names"]
    before = verdict["metrics"]["baseline"]["classes"]
    for row in rows:
        found, pair = (
            verdict["metrics"]["candidate"]["classes"][row[0]],
            verdict["paired"]["baseline"]["classes"][row[0]],
        )
        seen = dict(zip(head, row, strict=True))
        low, high = found["accuracy_interval"]
        assert seen["Accuracy"] == f"{found['accuracy']:.4f} {low:.4f} to {high:.4f}"
        assert row[4].startswith(f"{before[row[0]]['accuracy']:.4f} ")
        assert seen["Won"] == str(pair["only_candidate"])
        assert seen["Lost"] == str(pair["only_reference"])
    assert [row[0] for row in cells(render(facts), "Slices")[1:]] == ["source=scan", "source=web"]


def test_the_matrix_has_every_count_and_the_difference_every_change(facts: Facts) -> None:
    verdict = facts.verdict
    assert verdict
    after, before = (np.array(verdict["confusion"][m]) for m in ("candidate", "baseline"))
    page = render(facts)
    for caption, counts in (
        ("Images of the candidate", after),
        ("Difference to the baseline", after - before),
    ):
        shown = [row[1:] for row in cells(page, caption)[1:]]
        found = [
            [int(c.replace(",", "").replace("\N{MINUS SIGN}", "-") or 0) for c in r] for r in shown
        ]
        assert found == counts.tolist()
    same = {**verdict, "confusion": {"candidate": after.tolist(), "baseline": after.tolist()}}
    difference = confusion.make_difference(same)
    assert difference
    assert {cell for row in difference.rows for cell in row} == {confusion.Cell("", "")}


def test_shades_say_right_and_wrong_better_and_worse(facts: Facts) -> None:
    verdict = {
        "data": {"class_names": ["a", "b"]},
        "confusion": {"candidate": [[90, 10], [0, 100]], "baseline": [[80, 20], [5, 95]]},
    }
    matrix, difference = confusion.make_matrix(verdict), confusion.make_difference(verdict)
    assert matrix
    assert difference
    assert [[c.shade for c in row] for row in matrix.rows] == [["good9", "bad3"], ["", "good9"]]
    assert [[c.text for c in row] for row in difference.rows] == [["+10", "−10"], ["−5", "+5"]]
    assert {c.shade for row in difference.rows for c in row} == {"good9", "good5"}


@given(st.data())
def test_confusions_are_the_largest_entries_beside_the_diagonal(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 8))
    counts = np.array(
        data.draw(st.lists(st.integers(0, 50), min_size=size**2, max_size=size**2))
    ).reshape(size, size)
    names = [f"c{i}" for i in range(size)]
    cells = np.array([(i, j, n) for (i, j), n in np.ndenumerate(counts) if n]).reshape(-1, 3)
    verdict = {
        "data": {"class_names": names},
        "metrics": {
            "candidate": {
                "classes": {
                    name: {"examples": n} for name, n in zip(names, counts.sum(axis=1), strict=True)
                }
            }
        },
        "confusions": [
            {"label": i, "predicted": j, "images": n, "before": None}
            for i, j, n in find_largest(cells, size, 24).tolist()
        ],
    }
    found = confusion.list_confusions(verdict)
    wrong = counts[~np.eye(size, dtype=bool)]
    assert [c.images for c in found] == sorted(wrong[wrong > 0].tolist(), reverse=True)[:12]
    for c in found:
        label, predicted = names.index(c.label), names.index(c.predicted)
        assert counts[label, predicted] == c.images
        assert c.share == c.images / counts[label].sum()


def test_images_without_an_answer_are_counted(facts: Facts) -> None:
    verdict = facts.verdict
    assert verdict
    assert confusion.count_without_class(verdict) == 0
    metrics = copy.deepcopy(verdict["metrics"])
    next(iter(metrics["candidate"]["classes"].values()))["predicted"] -= 3
    lacking = {**verdict, "metrics": metrics}
    assert (
        "3 images have no column" in Page(render(dataclasses.replace(facts, verdict=lacking))).text
    )


# Names are anybody's text.


def skeleton(page: Page) -> list[str]:
    return [tag for tag, _ in page.elements]


@pytest.mark.parametrize("name", [*NASTY, "\x1b[2J\u202elapis"])
def test_a_name_comes_out_as_text_wherever_it_stands(name: str, make: Callable[..., Facts]) -> None:
    def named(text: str) -> Facts:
        facts = make(
            names=[text, "other"], slices=(f"source={text}",), skill=0.6, shape=(4, 4, 1), seed=3
        )
        step = StepFacts(
            step=text,
            component=text,
            fingerprint=text,
            status=text,
            seconds=1.0,
            summary=text,
            inputs=(text,),
        )
        return dataclasses.replace(
            facts,
            run_id=text,
            pipeline=text,
            lineage=(step,),
            history={**(facts.history or {}), text: [1.0, 2.0]},
            push={"pushed": True, "version": 1, "served_path": text},
            override={"rules": [text], "by": text, "reason": text},
            reproduce=(f"penstock run {text}",),
            config=text,
        )

    nasty, plain = Page(render(named(name))), Page(render(named("x" * len(name))))
    assert skeleton(nasty) == skeleton(plain)
    assert nasty.text.count(escape_controls(name)) == plain.text.count("x" * len(name))
    assert not {"\x1b", "\u202e"} & {*nasty.text}
    assert [a.keys() for _, a in nasty.elements] == [a.keys() for _, a in plain.elements]
    assert any(escape_controls(name) in (image["alt"] or "") for image in nasty.all("img"))


def test_a_path_that_is_no_utf8_is_shown_all_the_same(facts: Facts) -> None:
    push = {"pushed": True, "version": 1, "served_path": "/srv/\udcff"}
    page = render(dataclasses.replace(facts, push=push))
    page.encode("utf-8")
    assert r"/srv/\udcff" in page


# One file that needs nothing else, for everyone.


def test_the_page_loads_nothing_and_runs_nothing(facts: Facts) -> None:
    page = Page(render(facts))
    assert not {"script", "iframe", "object", "base", "form"} & set(skeleton(page))
    policy = next(m for m in page.all("meta") if "http-equiv" in m)
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))
    assert "url(" not in render(facts)


def test_the_page_is_one_that_can_be_heard(facts: Facts) -> None:
    page = Page(render(facts))
    assert page.all("html") == [{"lang": "en"}]
    levels = [int(tag[1]) for tag in skeleton(page) if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all("scope" in head for head in page.all("th"))
    assert all(image["alt"] for image in page.all("img"))
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {(a["href"] or "")[1:] for a in page.all("a")} <= set(ids)
    for drawing in page.all("svg"):
        assert drawing.get("aria-hidden") == "true" or drawing["aria-labelledby"] in ids


def test_the_same_facts_give_the_same_page(facts: Facts) -> None:
    assert render(facts) == render(facts)


def test_ten_classes_and_a_hundred_stay_small(make: Callable[..., Facts], facts: Facts) -> None:
    assert facts.verdict
    assert len(facts.verdict["worst"]) == 24
    assert len(facts.verdict["lost"]) == 24
    assert len(render(facts).encode()) < 3_000_000
    hundred = make(names=[f"class {i}" for i in range(100)], images=3000)
    page = render(hundred)
    assert len(page.encode()) < 3_000_000
    assert page.count('class="heat dense"') == 2
    assert len(cells(page, "Classes")) == 101
    more = render(make(names=[f"class {i}" for i in range(160)], images=500))
    assert "heat dense" not in more
    assert "A matrix of 160 classes" in more


# What is missing is said.


def test_a_run_without_a_baseline(make: Callable[..., Facts]) -> None:
    facts = make(before=None, slices=(), push=None)
    page = Page(render(facts))
    assert "No model served yet" in page.text
    assert "The model was not pushed." in page.text
    assert "The config names no slices" in page.text
    assert "Right before, wrong now" not in page.text
    assert "Difference to the baseline" not in page.text


def test_a_baseline_that_cannot_be_compared(facts: Facts) -> None:
    reference = {"digest": "unmanaged:3", "version": 3, "comparable": False, "why": "no manifest"}
    verdict = {**(facts.verdict or {}), "baseline": reference}
    text = Page(render(dataclasses.replace(facts, verdict=verdict))).text
    assert "could not be compared with the model that served: no manifest" in text


def test_a_gate_without_rules(make: Callable[..., Facts]) -> None:
    text = Page(render(make(before=None, floor=None, push=None))).text
    assert "? Not configured" in text
    assert "No configured rule applies" in text


def test_a_run_that_came_to_no_verdict(facts: Facts) -> None:
    step = StepFacts(
        step="train",
        component="components.train",
        fingerprint="b",
        status="failed",
        seconds=1.0,
        summary="StepError: the loss is NaN",
    )
    broken = dataclasses.replace(facts, verdict=None, status="failed", lineage=(step,))
    text = Page(render(broken)).text
    assert "No verdict" in text
    assert "train: StepError: the loss is NaN" in text
    assert "Learning" not in text
    assert "val" not in Page(render(dataclasses.replace(broken, history=None))).text
    assert (
        "The run has no examples" in Page(render(dataclasses.replace(broken, examples=None))).text
    )


@pytest.mark.parametrize("history", [None, {}, {"loss": "high"}, {"loss": [None]}])
def test_a_run_without_a_history(history: Any, facts: Facts) -> None:
    page = Page(render(dataclasses.replace(facts, history=history)))
    assert "There is no history of a training" in page.text


def test_a_class_without_images_has_dashes(make: Callable[..., Facts]) -> None:
    facts = make(names=["a", "b", "c"], images=2, shape=(4, 4, 1))
    row = cells(render(facts), "Classes")[3]
    assert row[:3] == ["c", "0", "–"]


def test_metrics_that_are_no_numbers_are_dashes(facts: Facts) -> None:
    assert facts.verdict
    metrics = facts.verdict["metrics"]
    nothing = dict.fromkeys(metrics["candidate"]["overall"])
    overall = {**nothing, "examples": 0, "top_k": {}}
    candidate = {**metrics["candidate"], "overall": overall}
    verdict = {
        **facts.verdict,
        "metrics": {**metrics, "candidate": candidate},
        "weakest_class": None,
    }
    found = cells(render(dataclasses.replace(facts, verdict=verdict)), "Metrics")
    assert {row[1] for row in found[1:]} == {"–"}


def test_examples_that_are_gone_or_damaged_are_said(make: Callable[..., Facts]) -> None:
    facts = make()
    assert facts.examples
    gone = Page(render(dataclasses.replace(facts, examples=None)))
    assert "The images cannot be shown: the examples were deleted." in gone.text
    assert not gone.all("img")
    assert gone.text.count("no image") >= 48
    (shard,) = facts.examples.shards("test")
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    assert "cannot be read" in Page(render(facts)).text
    shard.unlink()
    assert "The images cannot be shown: the examples in" in Page(render(facts)).text


# Images.


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_images_are_those_that_the_verdict_names(
    channels: int, make: Callable[..., Facts]
) -> None:
    facts = make(shape=(9, 7, channels))
    assert facts.verdict
    assert facts.examples
    found = collect_mistakes(facts.verdict, facts.examples)
    assert not found.problem
    for cards, named in (
        (found.worst, facts.verdict["worst"]),
        (found.lost, facts.verdict["lost"]),
    ):
        places = [mistake["index"] for mistake in named]
        images, labels = read_images(facts.examples, "test", places)
        assert [card.image_index for card in cards] == places
        for card, image, label in zip(cards, images, labels, strict=True):
            np.testing.assert_array_equal(pixels(card.source), image.squeeze())
            assert card.label == str(label)
            assert card.label != card.predicted


def pixels(source: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))))


def test_large_images_are_made_smaller() -> None:
    assert pixels(encode_data_uri(np.zeros((400, 800, 3), np.uint8))).shape == (96, 192, 3)
    assert pixels(encode_data_uri(np.zeros((192, 10, 1), np.uint8))).shape == (192, 10)


def test_bars_hold_the_true_class_and_the_likeliest(facts: Facts) -> None:
    assert facts.verdict
    found = collect_mistakes(facts.verdict, facts.examples)
    for card, mistake in zip(found.lost, facts.verdict["lost"], strict=True):
        for bars, given_ in (
            (card.bars, mistake["probabilities"]),
            (card.reference_bars, mistake["reference_probabilities"]),
        ):
            assert len(bars) == 4
            assert [b.probability for b in bars] == sorted(
                (b.probability for b in bars), reverse=True
            )
            assert {b.name for b in bars if b.kind == "true"} == {card.label}
            assert bars[0].probability == max(given_)
            assert all(b.probability == given_[int(b.name)] for b in bars)


def test_answers_that_are_no_probabilities_still_have_bars() -> None:
    mistake = {"index": 0, "label": 0, "predicted": 2, "probabilities": [-3.0, 7.0]}
    verdict = {"worst": [mistake], "lost": [], "data": {"class_names": ["a", "b"]}}
    found = collect_mistakes(verdict, None)
    assert found.worst[0].predicted == "no class"
    assert [bar.share for bar in found.worst[0].bars] == [1.0, 0.0]


# Charts.


@given(st.lists(st.one_of(st.none(), FINITE), min_size=1, max_size=40), st.booleans())
def test_learning_curves_stay_in_their_frame_and_leave_gaps(
    values: list[float | None], validated: bool
) -> None:
    assume(any(value is not None for value in values))
    history: dict[str, Any] = {"loss": values}
    if validated:
        history["val_loss"] = [1.0] * len(values)
    (plot,) = charts.plot_learning_curves(history)
    assert len(plot.lines) == 1 + validated
    points = re.findall(r"([ML])(\S+?) ([^ML]+)", plot.lines[0].path)
    assert len(points) == sum(value is not None for value in values)
    pieces = re.findall(r"v+", "".join("-" if v is None else "v" for v in values))
    assert sum(pen == "M" for pen, _, _ in points) == len(pieces)
    for _, x, y in points:
        assert charts.LEFT <= float(x) <= charts.WIDTH - charts.RIGHT
        assert charts.TOP <= float(y) <= charts.HEIGHT - charts.BOTTOM
    known = [value for value in values if value is not None]
    highest = points[int(np.argmax(known))]
    assert float(highest[2]) == min(float(y) for _, _, y in points)


@given(FINITE, FINITE)
def test_ticks_are_round_even_and_enclose(low: float, high: float) -> None:
    low, high = sorted((low, high))
    ticks = charts._choose_ticks(low, high)
    slack = 1e-9 * max(1.0, abs(low), abs(high))
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack
    assert 2 <= len(ticks) <= 8
    assert np.allclose(np.diff(ticks), ticks[1] - ticks[0], rtol=1e-3)


def test_the_reliability_curve_has_a_point_for_each_bin_with_images(facts: Facts) -> None:
    assert facts.verdict
    calibration = facts.verdict["calibration"]
    plot = charts.plot_reliability(calibration)
    assert [line.label for line in plot.lines] == ["candidate", "baseline"]
    for line, bins in zip(plot.lines, calibration.values(), strict=True):
        assert len(line.dots) == sum(b["examples"] > 0 for b in bins)
    counts = [b["examples"] for b in calibration["candidate"]]
    assert [bar.text for bar in plot.bars] == [
        number_formats.shorten_count(c) if c else "" for c in counts
    ]
    heights = [bar.height for bar in plot.bars]
    assert np.argsort(heights, kind="stable").tolist() == np.argsort(counts, kind="stable").tolist()
    assert all(bar.top + bar.height <= plot.height for bar in plot.bars)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=5))
def test_intervals_lie_on_their_axis(bounds: list[tuple[float, float]]) -> None:
    rows = [
        comparison.Compared("a", {"accuracy_interval": sorted(pair)}, None, None) for pair in bounds
    ]
    axis = comparison.choose_axis(rows)
    assert 0 <= axis.low <= 0.9
    for pair in bounds:
        low, high = (axis.at(value) for value in sorted(pair))
        assert 0 <= low <= high <= axis.width
        assert min(pair) >= axis.low - 1e-9


# Words.


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (number_formats.format_number(None), "–"),
        (number_formats.format_number(0.98765), "0.9877"),
        (number_formats.format_interval(None), ""),
        (number_formats.format_count(None), "–"),
        (number_formats.format_count(12345), "12,345"),
        (number_formats.format_percent(1.0), "100.0 %"),
        (number_formats.format_percent(0.99999), "> 99.9 %"),
        (number_formats.format_percent(0.00001), "< 0.1 %"),
        (number_formats.format_percent(0.0), "0.0 %"),
        (number_formats.format_change(0.5, None), "–"),
        (number_formats.format_change(0.5, 0.25), "+25.00"),
        (number_formats.format_change(0.25, 0.5), "−25.00"),
        (number_formats.format_signed(-0.00001), "0"),
        (number_formats.format_signed_count(0), ""),
        (number_formats.format_signed_count(-1234), "−1,234"),
        (number_formats.shorten_count(940), "940"),
        (number_formats.shorten_count(9_449), "9.4k"),
        (number_formats.shorten_count(9_960), "10k"),
        (number_formats.shorten_count(1_200_000), "1.2M"),
        (number_formats.format_seconds(59.94), "59.9 s"),
        (number_formats.format_seconds(61.0), "1 min 1 s"),
    ],
)
def test_numbers_as_they_are_printed(made: str, shown: str) -> None:
    assert made == shown


@given(st.integers(0, 10**8))
def test_a_short_count_is_short_and_near(value: int) -> None:
    shown = number_formats.shorten_count(value)
    assert len(shown) <= 4
    read = float(shown.rstrip("kM")) * {"k": 1e3, "M": 1e6}.get(shown[-1], 1)
    assert math.isclose(read, value, rel_tol=0.06)


def test_the_folder_of_the_page_has_what_it_includes() -> None:
    folder = Path(charts.__file__).parent / "templates"
    named = {
        n
        for p in folder.glob("*.j2")
        for n in re.findall(r'(?:include|import) "(.+?)"', p.read_text())
    }
    assert {p.name for p in folder.iterdir() if p.suffix in (".j2", ".css")} == named | {
        "report.html.j2"
    }
