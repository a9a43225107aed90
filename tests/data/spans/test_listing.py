from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from data.spans.listing import Ready, Span, list_spans

NOW = 1_800_000_000.0


def write(file: Path, *, minutes_ago: float = 600, content: str = "1") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    os.utime(file, (0, NOW - 60 * minutes_ago))


def spans(folder: Path, pattern: str = "{SPAN}/v{VERSION}", **ready: object) -> list[Span]:
    return list_spans(str(folder / pattern), Ready(now=NOW, **ready))  # type: ignore[arg-type]


def test_of_each_span_the_newest_version_and_the_oldest_span_first(tmp_path: Path) -> None:
    for name in ("10/v1", "9/v2", "9/v10", "9/v1"):
        write(tmp_path / name / "a")
    assert [(s.name, s.version, s.path) for s in spans(tmp_path)] == [
        ("9", 10, tmp_path / "9/v10"),
        ("10", 1, tmp_path / "10/v1"),
    ]


def test_a_version_that_is_still_arriving_leaves_the_one_before_in_its_place(
    tmp_path: Path,
) -> None:
    write(tmp_path / "1/v1/a")
    write(tmp_path / "1/v2/a", minutes_ago=1)
    assert [s.version for s in spans(tmp_path)] == [2]
    assert [s.version for s in spans(tmp_path, quiet_minutes=10)] == [1]
    write(tmp_path / "1/v1/a", minutes_ago=1)
    (span,) = spans(tmp_path, quiet_minutes=10)
    assert (span.version, span.arriving) == (2, "changed less than 10 minutes ago")


def test_of_the_versions_that_are_all_there_the_newest_is_taken(tmp_path: Path) -> None:
    for version, minutes_ago in enumerate([600, 600, 600, 1, 1], start=1):
        write(tmp_path / f"1/v{version}/a", minutes_ago=minutes_ago)
    (span,) = spans(tmp_path, quiet_minutes=10)
    assert (span.version, span.path, span.arriving) == (3, tmp_path / "1/v3", None)


@pytest.mark.parametrize(("minutes_ago", "taken"), [(9.9, False), (10, True), (-5, False)])
def test_quiet_minutes(tmp_path: Path, minutes_ago: float, taken: bool) -> None:
    write(tmp_path / "1/a")
    write(tmp_path / "1/deep/.hidden", minutes_ago=minutes_ago)
    (span,) = spans(tmp_path, "{SPAN}", quiet_minutes=10)
    assert (span.arriving is None) == taken


def test_a_marker_in_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "1/a")
    (before,) = spans(tmp_path, "{SPAN}", done_marker="_SUCCESS")
    assert before.arriving == "no _SUCCESS yet"
    write(tmp_path / "1/_SUCCESS")
    (after,) = spans(tmp_path, "{SPAN}", done_marker="_SUCCESS")
    assert after.arriving is None
    assert after.stamp == before.stamp


def test_a_marker_beside_a_file(tmp_path: Path) -> None:
    write(tmp_path / "1.npz")
    (before,) = spans(tmp_path, "{SPAN}.npz", done_marker="_SUCCESS")
    assert before.arriving == "no 1.npz.done yet"
    write(tmp_path / "1.npz.done")
    (after,) = spans(tmp_path, "{SPAN}.npz", done_marker="_SUCCESS")
    assert (after.name, after.arriving) == ("1", None)


def test_both_must_hold_where_both_are_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "1/a", minutes_ago=1)
    write(tmp_path / "1/done")
    (span,) = spans(tmp_path, "{SPAN}", done_marker="done", quiet_minutes=10)
    assert span.arriving


def test_an_empty_folder_is_only_begun(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (span,) = spans(tmp_path, "{SPAN}")
    assert span.arriving == "no file in it yet"


def test_a_folder_that_may_not_be_listed_does_not_hide_the_others(unprivileged) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own lies where only its user may go
        folder = Path(name)
        folder.chmod(0o755)
        for file in ("1/a", "2/a"):
            write(folder / file)
        (folder / "2").chmod(0)
        with unprivileged():
            found = {span.name: span.arriving for span in spans(folder, "{SPAN}")}
        (folder / "2").chmod(0o755)
    assert found == {"1": None, "2": "cannot be looked at: Permission denied"}


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda folder: write(folder / "a", minutes_ago=600), True),
        (lambda folder: write(folder / ".b"), True),
        (lambda folder: write(folder / "a", minutes_ago=599), False),
        (lambda folder: write(folder / "a", content="22"), False),
        (lambda folder: write(folder / "b"), False),
        (lambda folder: (folder / "a").rename(folder / "c"), False),
    ],
)
def test_a_stamp_changes_with_its_files(tmp_path: Path, change, same: bool) -> None:
    write(tmp_path / "1/a")
    (before,) = spans(tmp_path, "{SPAN}")
    change(tmp_path / "1")
    (after,) = spans(tmp_path, "{SPAN}")
    assert (after.stamp == before.stamp) == same
