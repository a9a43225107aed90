"""Which version is the best, over chains of pushes, rollbacks and new starts; a list as oracle."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from data.errors import StepError
from data.files.durable_files import read_json, sha256_file, write_json
from data.spec import ImageSpec
from serving_export.bundle.manifest import MANIFEST, write_manifest
from serving_export.model_store.best import NONE, choose_best, read_best_digest
from serving_export.model_store.history import list_versions
from serving_export.model_store.layout import version_numbers
from serving_export.model_store.push import push
from serving_export.model_store.rollback import rollback

SPEC = ImageSpec(height=2, width=3, channels=1, class_names=("a", "b"))


class Pushes:
    """A model's folder in which every push is of another model."""

    def __init__(self, path: Path) -> None:
        self.path, self.serving = path, path / "serving"
        self.folder = self.serving / "m"

    def push(self, accuracy: float | None, examples: int | None = 1000, **keywords: Any) -> int:
        bundle = self.path / f"bundle{len(list(self.path.iterdir()))}"
        bundle.mkdir()
        (bundle / "saved_model.pb").write_text(bundle.name)
        write_manifest(bundle, SPEC, {})
        record = {"accuracy": accuracy, "examples": examples, "best": keywords.pop("judged", None)}
        return push(bundle, self.serving, "m", record=record, **keywords)[0]

    def rollback(self, to: int) -> int:
        return rollback(self.serving, "m", to=to, by="ana", reason="worse on sevens")[0]

    def digest(self, version: int) -> str:
        return sha256_file(self.folder / str(version) / MANIFEST)

    def record(self, version: int) -> dict[str, Any]:
        return read_json(self.folder / str(version) / "push.json")

    @property
    def best(self) -> int:
        """The first version that has the best's digest."""
        best = read_best_digest(self.folder)
        return next(v for v in version_numbers(self.folder) if self.digest(v) == best)


@pytest.fixture
def pushes(tmp_path: Path) -> Pushes:
    return Pushes(tmp_path)


def test_before_the_first_push_there_is_none(pushes):
    assert read_best_digest(pushes.folder) == NONE
    for version in (1, 2):
        pushes.push(None, None)  # nobody judged it, and there is no other to say so of
        assert pushes.best == version
    pushes.push(0.1)
    pushes.push(None, None)
    assert pushes.best == 3


def test_it_is_the_best_ever_however_many_came_since(pushes):
    """Of the last five it was, once: 50 nights of half a point each went 25 points down."""
    for night in range(50):
        pushes.push(0.977 - 0.005 * night)
        assert pushes.best == 1
    assert [v.number for v in list_versions(pushes.folder) if v.best] == [1]
    pushes.push(0.978)
    assert pushes.best == 51
    assert [v.number for v in list_versions(pushes.folder) if v.best] == [51]


def test_of_equals_the_first_stays(pushes):
    pushes.push(1.0)
    pushes.push(1.0)
    assert pushes.best == 1


def test_a_perfect_score_on_few_images_is_luck(pushes):
    pushes.push(0.98, 10_000)
    pushes.push(1.0, 36)  # at least 0.904
    assert pushes.best == 1
    pushes.push(1.0, 400)
    assert pushes.best == 3


@given(
    right=st.tuples(st.integers(0, 400), st.integers(0, 400)),
    wrong=st.tuples(st.integers(1, 400), st.integers(0, 400)),
)
def test_who_is_better_is_told_by_wilsons_interval(right, wrong):
    numbers = [r + w for r, w in zip(right, wrong, strict=True)]
    low = [
        stats.binomtest(r, n).proportion_ci(0.95, "wilson").low if n else -1.0
        for r, n in zip(right, numbers, strict=True)
    ]
    one, two = (
        {"version": i, "digest": str(i), "accuracy": r / n if n else None, "examples": n}
        for i, (r, n) in enumerate(zip(right, numbers, strict=True))
    )
    if abs(low[0] - low[1]) > 1e-4 or not all(numbers):  # scipy has more digits of 1.96
        assert choose_best(one, two) == (two if low[1] > low[0] else one)
    assert choose_best(None, two) == two


def test_a_new_start_forgets_what_was_before(pushes):
    for accuracy in (0.99, 0.98):
        pushes.push(accuracy)
    pushes.push(0.8, resets_best=True)
    assert pushes.best == 3
    assert pushes.record(3)["resets_best"] is True
    pushes.push(0.79)
    assert pushes.best == 3
    pushes.push(0.81)
    assert pushes.best == 5


def test_a_new_start_with_what_serves_is_on_record(pushes):
    pushes.push(0.99)
    pushes.push(0.9)
    bundle = sorted(pushes.path.glob("bundle*"))[-1]
    record = {"accuracy": 0.9, "examples": 1000}
    assert push(bundle, pushes.serving, "m", record=record)[0] == 2
    assert push(bundle, pushes.serving, "m", record=record, resets_best=True)[0] == 3
    assert read_best_digest(pushes.folder) == pushes.digest(2)


def test_what_was_rolled_back_from_counts_no_longer_nor_does_its_new_start(pushes):
    for accuracy in (0.9, 0.99, 0.95):
        pushes.push(accuracy)
    assert pushes.rollback(to=1) == 4
    assert pushes.best == 1
    pushes.push(0.91)
    assert pushes.best == 5
    pushes.rollback(to=3)  # forward again, to when version 2 was the best
    assert pushes.best == 2
    pushes.push(0.5, resets_best=True)
    pushes.rollback(to=3)
    assert pushes.best == 2


def test_the_best_is_kept_from_every_retention(pushes):
    pushes.push(0.99)
    for _ in range(12):
        pushes.push(0.95, keep=2)
    assert version_numbers(pushes.folder) == [1, 12, 13]
    first = read_best_digest(pushes.folder)
    pushes.push(0.999, keep=2, judged=first)
    assert version_numbers(pushes.folder) == [
        1,
        13,
        14,
    ]  # were 13 to serve again, 1 would be the best
    pushes.push(0.95, keep=2, judged=first)
    assert version_numbers(pushes.folder) == [1, 14, 15]  # what serves was judged against it
    for _ in range(2):
        pushes.push(0.95, keep=2)
    assert version_numbers(pushes.folder) == [14, 16, 17]


def test_a_best_that_somebody_deleted_is_not_forgotten(pushes):
    pushes.push(0.99)
    best = pushes.digest(1)
    pushes.push(0.95)
    shutil.rmtree(pushes.folder / "1")
    assert read_best_digest(pushes.folder) == best
    pushes.push(0.96)
    assert read_best_digest(pushes.folder) == best


def test_a_record_that_cannot_be_read_is_told_and_not_taken_for_none(pushes):
    pushes.push(0.99)
    pushes.push(0.95)
    path = pushes.folder / "2" / "push.json"
    path.write_text("{")
    assert read_best_digest(pushes.folder) == "unknown:2"
    assert not any(version.best for version in list_versions(pushes.folder))
    pushes.push(0.9)  # where no rule asks for the best: what can be read is not lost
    assert pushes.best == 1
    path.unlink()
    shutil.rmtree(pushes.folder / "3")
    assert pushes.best == 1  # a version that was laid there without a record


def test_a_rollback_to_what_has_no_record_starts_with_it(pushes):
    pushes.push(0.9)
    pushes.push(0.99)
    record = pushes.folder / "1" / "push.json"
    write_json(record, {k: v for k, v in read_json(record).items() if k != "best_so_far"})
    pushes.rollback(to=1)
    assert pushes.best == 1


def test_another_best_than_the_one_judged_against_forbids_the_push(pushes):
    pushes.push(0.9)
    first = read_best_digest(pushes.folder)
    pushes.push(0.99, best=first)
    with pytest.raises(StepError, match=r"the best version in .* changed"):
        pushes.push(0.9, best=first)
    with pytest.raises(StepError, match=r"the best version in .* changed"):
        pushes.push(0.9, best=NONE)
    assert version_numbers(pushes.folder) == [1, 2]


@settings(max_examples=40)
@given(data=st.data())
def test_any_chain_of_pushes_new_starts_and_rollbacks(tmp_path_factory, data):
    """The oracle keeps, of each version, the list of those that count."""
    pushes = Pushes(tmp_path_factory.mktemp("chain"))
    accuracies: dict[int, float] = {}
    lines: dict[int, list[int]] = {}  # version -> those that lead to it, itself included
    for number in range(1, data.draw(st.integers(2, 9))):
        before = lines.get(number - 1, [])
        earlier = [v for v in lines if accuracies[v] != accuracies.get(number - 1)]
        if earlier and data.draw(st.booleans()):
            to = data.draw(st.sampled_from(earlier))
            assert pushes.rollback(to) == number
            accuracies[number], lines[number] = accuracies[to], lines[to]
            continue
        accuracies[number] = data.draw(st.integers(1, 99)) / 100 + number / 10**4
        resets = data.draw(st.booleans()) if data.draw(st.booleans()) else False
        assert pushes.push(accuracies[number], resets_best=resets) == number
        lines[number] = [number] if resets else [*before, number]
    best = max(lines[max(lines)], key=lambda version: accuracies[version])
    assert read_best_digest(pushes.folder) == pushes.digest(best)
