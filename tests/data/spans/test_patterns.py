from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import BadDataError, ConfigError, EnvironmentTrouble
from data.spans.patterns import (
    check_pattern,
    find_matches,
    is_pattern,
    make_absolute,
    span_sort_key,
)
from data.spans.temporary import is_temporary


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return folder


def found(pattern: object) -> set[tuple[str, int | None, str]]:
    return {
        (match.span, match.version, str(match.path)) for match in find_matches(str(pattern)).matches
    }


def left_out(pattern: object) -> list[str]:
    return [Path(path).name for path in find_matches(str(pattern)).temporary]


def test_days_with_versions(tmp_path: Path) -> None:
    touched(tmp_path, "day-2026-11-20/v1/a", "day-2026-11-20/v12/a", "day-2026-01-02/v3/a")
    assert found(tmp_path / "day-{YYYY}-{MM}-{DD}/v{VERSION}") == {
        ("2026-11-20", 1, f"{tmp_path}/day-2026-11-20/v1"),
        ("2026-11-20", 12, f"{tmp_path}/day-2026-11-20/v12"),
        ("2026-01-02", 3, f"{tmp_path}/day-2026-01-02/v3"),
    }


def test_parts_of_a_day_may_be_folders_in_any_order(tmp_path: Path) -> None:
    touched(tmp_path, "11/2026/images-20.npz", "11/2026/other.npz", "11/x")
    assert found(tmp_path / "{MM}/{YYYY}/images-{DD}.npz") == {
        ("2026-11-20", None, f"{tmp_path}/11/2026/images-20.npz")
    }


def test_what_does_not_fit_is_no_span(tmp_path: Path) -> None:
    touched(
        tmp_path,
        "span-1/a",
        "span-/a",
        ".span-2/a",
        "span-3.tmp~/a",
        "xspan-4/a",
        "span-é/a",
        "span-.5/a",
    )
    assert found(tmp_path / "span-{SPAN}") == {("1", None, f"{tmp_path}/span-1")}


def test_days_that_there_are_not_are_no_spans(tmp_path: Path) -> None:
    touched(tmp_path, "2026-02-28", "2026-02-30", "2026-13-01", "2026-00-10", "0000-01-01")
    assert {span for span, _, _ in found(tmp_path / "{YYYY}-{MM}-{DD}")} == {"2026-02-28"}


def test_all_but_the_fields_stands_for_itself(tmp_path: Path) -> None:
    touched(tmp_path, "a.b+c/1.npz", "aXb+c/2.npz", "a.b+c/3Xnpz")
    assert {span for span, _, _ in found(tmp_path / "a.b+c" / "{SPAN}.npz")} == {"1"}


def test_a_marker_beside_a_file_is_no_span(tmp_path: Path) -> None:
    touched(tmp_path, "5", "5.done", "6.done")
    assert {span for span, _, _ in found(tmp_path / "{SPAN}")} == {"5", "6.done"}


@given(st.lists(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}", fullmatch=True), min_size=1))
def test_names_come_back_as_they_were_written(names: list[str]) -> None:
    names = [
        name for name in {span_sort_key(n): n for n in names}.values() if not name.endswith(".done")
    ]
    names = [name for name in names if not is_temporary(name)]
    with tempfile.TemporaryDirectory() as folder:
        touched(Path(folder), "d-x.npz", *(f"d-{name}.npz" for name in names))
        assert {span for span, _, _ in found(f"{folder}/d-{{SPAN}}.npz")} == {"x", *names}


def test_numbers_sort_as_numbers_and_before_names() -> None:
    spans = ["b", "10", "9", "a", "2026-11-20", "2026-11-3"]
    assert sorted(spans, key=span_sort_key) == ["9", "10", "2026-11-20", "2026-11-3", "a", "b"]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("/d/{SPAM}", "did you mean 'SPAN'"),
        ("/d/{span}", "did you mean 'SPAN'"),
        ("/d/{SPAN}/{SPAN}", "{SPAN} twice"),
        ("/d/{VERSION}", "use {SPAN}, or"),
        ("/d/{YYYY}-{MM}", "use {SPAN}, or"),
        ("/d/{SPAN}/{YYYY}-{MM}-{DD}", "use {SPAN}, or"),
        ("gs://bucket/{SPAN}", "a local or mounted file system"),
    ],
)
def test_patterns_that_make_no_sense(pattern: str, words: str) -> None:
    assert is_pattern(pattern)
    for check in (check_pattern, find_matches):
        with pytest.raises(ConfigError) as error:
            check(pattern)
        assert words in str(error.value)


@pytest.mark.parametrize(
    "path", [None, "", "/data/mnist", "gs://bucket/mnist", "/data/{", "/{a b}"]
)
def test_other_paths_are_none(path: str | None) -> None:
    assert not is_pattern(path)


def test_nothing_that_fits(tmp_path: Path) -> None:
    touched(tmp_path, "day-1")
    with pytest.raises(BadDataError, match="no file or folder matches") as error:
        find_matches(f"{tmp_path}/span-{{SPAN}}")
    assert "day-1" in str(error.value)
    with pytest.raises(BadDataError, match="no file or folder matches"):
        find_matches(f"{tmp_path}/none/span-{{SPAN}}")


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (("s-7/a", "s-007/a"), "s-{SPAN}"),
        (("s-7/v1/a", "s-7/v01/a"), "s-{SPAN}/v{VERSION}"),
        (("7/v1/a", "007/v2/a"), "{SPAN}/v{VERSION}"),
        (("7/v1/a", "007/v2/a", "7/v3/a"), "{SPAN}/v{VERSION}"),
        (("v1/7/a", "v2/07/a"), "v{VERSION}/{SPAN}"),
    ],
)
def test_one_span_at_two_paths(tmp_path: Path, names: tuple[str, ...], pattern: str) -> None:
    touched(tmp_path, *names)
    with pytest.raises(BadDataError, match="exists at two paths"):
        find_matches(str(tmp_path / pattern))


def test_versions_of_one_span_in_folders_of_their_own(tmp_path: Path) -> None:
    touched(tmp_path, "v1/7/a", "v2/7/a")
    assert {version for _, version, _ in found(tmp_path / "v{VERSION}/{SPAN}")} == {1, 2}


TEMPORARY = ("x.tmp", "x.part", ".x", "x~", ".x.a1B2c3", "x._COPYING_", "x.tmp.77", "#x#")


def test_temporary_names_are_no_spans_and_are_told(tmp_path: Path) -> None:
    touched(tmp_path, "x/a", *(f"{name}/a" for name in TEMPORARY), "é", "-x")
    assert {span for span, _, _ in found(tmp_path / "{SPAN}")} == {"x"}
    assert left_out(tmp_path / "{SPAN}") == sorted(TEMPORARY)


def test_temporary_names_of_files_of_days_and_of_versions(tmp_path: Path) -> None:
    touched(tmp_path, "s-1.npz", "s-1.npz.part", ".s-1.npz.a1B2c3", "s-1.tmp.npz", "other.part")
    assert {span for span, _, _ in found(tmp_path / "s-{SPAN}.npz")} == {"1"}
    assert left_out(tmp_path / "s-{SPAN}.npz") == [
        ".s-1.npz.a1B2c3",
        "s-1.npz.part",
        "s-1.tmp.npz",
    ]
    touched(tmp_path, "2026-11-20/v1/a", "2026-11-20/v2.tmp/a", "2026-11-21.tmp/v1/a")
    days = tmp_path / "{YYYY}-{MM}-{DD}/v{VERSION}"
    assert found(days) == {("2026-11-20", 1, f"{tmp_path}/2026-11-20/v1")}
    assert left_out(days) == ["v2.tmp", "2026-11-21.tmp"]


def test_a_pattern_may_ask_for_names_that_look_temporary(tmp_path: Path) -> None:
    touched(tmp_path, "x.tmp", "y.bak.tmp")
    assert {span for span, _, _ in found(tmp_path / "{SPAN}.tmp")} == {"x"}
    assert left_out(tmp_path / "{SPAN}.tmp") == ["y.bak.tmp"]


def test_a_folder_that_may_not_be_listed(unprivileged) -> None:
    with tempfile.TemporaryDirectory() as folder:
        touched(Path(folder), "span-1")
        Path(folder).chmod(0)
        with unprivileged(), pytest.raises(EnvironmentTrouble, match="cannot be listed"):
            find_matches(f"{folder}/span-{{SPAN}}")
        Path(folder).chmod(0o755)


def test_a_pattern_is_named_by_its_absolute_path(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ana")
    assert make_absolute("a/../{SPAN}") == f"{tmp_path}/{{SPAN}}"
    assert make_absolute("~/{SPAN}") == "/home/ana/{SPAN}"
