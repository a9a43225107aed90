from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BadDataError, ConfigError, StepError
from data.files.durable_files import read_json
from serving_export.bundle.manifest import verify_version
from serving_export.model_store import rollback as rollback_module
from serving_export.model_store.history import inspect_version, list_versions
from serving_export.model_store.layout import newest_version, version_numbers
from serving_export.model_store.push import push
from serving_export.model_store.rollback import rollback

Make = Callable[..., tuple[Path, str]]
WHO = {"by": "ann", "reason": "worse on sevens"}


@pytest.fixture
def serving(tmp_path: Path) -> Path:
    return tmp_path / "serving"


@pytest.fixture
def push_new(tmp_path: Path, serving: Path, make_bundle: Make) -> Callable[[str], int]:
    """A function that pushes the bundle of this name, made where there is none."""

    def push_one(name: str) -> int:
        if not (tmp_path / name).exists():
            make_bundle(tmp_path / name, name.encode())
        record = {"run": f"run of {name}", "verdict": "passed", "accuracy": 0.98}
        beside = {"verdict.json": f'{{"of": "{name}"}}'.encode()}
        return push(tmp_path / name, serving, "m", record=record, files=beside)[0]

    return push_one


def graph(path: Path) -> str:
    return (path / "saved_model.pb").read_text()


def test_the_old_bytes_come_again_under_the_next_version(
    push_new: Callable[[str], int], serving: Path
) -> None:
    push_new("good")
    push_new("bad")
    before = {v: read_json(serving / "m" / v / "push.json") for v in "12"}
    version, path = rollback(serving, "m", **WHO, clock=lambda: 77.0)
    assert (version, path) == (3, serving / "m" / "3")
    assert verify_version(path) == verify_version(serving / "m" / "1")
    assert (graph(path), (path / "verdict.json").read_text()) == ("good", '{"of": "good"}')
    told = {**WHO, "rollback_of": 1, "time": 77.0, "version": 3}
    assert read_json(path / "push.json") == {**before["1"], **told}
    assert version_numbers(serving / "m") == [1, 2, 3]
    assert {v: read_json(serving / "m" / v / "push.json") for v in "12"} == before


def test_a_named_version(push_new: Callable[[str], int], serving: Path) -> None:
    for name in ("a", "b", "c", "d"):
        push_new(name)
    assert graph(rollback(serving, "m", to=2, **WHO)[1]) == "b"
    # asked for by name, even what was rolled back from comes again
    assert graph(rollback(serving, "m", to=4, **WHO)[1]) == "d"


def test_again_and_again_goes_further_back(push_new: Callable[[str], int], serving: Path) -> None:
    for name in ("a", "b", "c"):
        push_new(name)
    assert graph(rollback(serving, "m", **WHO)[1]) == "b"
    assert graph(rollback(serving, "m", **WHO)[1]) == "a"
    with pytest.raises(ConfigError, match=r"has no version to restore") as caught:
        rollback(serving, "m", **WHO)
    assert "1, 2, 3, 4, 5" in str(caught.value)
    push_new("e")
    assert graph(rollback(serving, "m", **WHO)[1]) == "a"
    assert version_numbers(serving / "m") == [1, 2, 3, 4, 5, 6, 7]


@settings(max_examples=50)
@given(steps=st.lists(st.sampled_from(["a", "b", "c", "d", "back"]), min_size=1, max_size=9))
def test_going_back_is_a_walk_through_what_was_pushed(
    tmp_path_factory: pytest.TempPathFactory, make_bundle: Make, steps: list[str]
) -> None:
    """Oracle: a stack. A push lays its model on top; a rollback takes the top ones of one kind."""
    home = tmp_path_factory.mktemp("walk")
    for name in "abcd":
        make_bundle(home / name, name.encode())
    stack: list[str] = []
    for step in steps:
        if step != "back":
            push(home / step, home, "m", record={})
            stack += [step] if stack[-1:] != [step] else []
        elif len(stack) > 1:
            stack.pop()
            assert graph(rollback(home, "m", **WHO)[1]) == stack[-1]
        else:
            with pytest.raises(ConfigError, match="has no version to restore"):
                rollback(home, "m", **WHO)
        newest = newest_version(home / "m")
        assert (graph(home / "m" / str(newest)) if newest else None) == (stack or [None])[-1]


def test_damaged_and_foreign_versions_are_passed_over(
    push_new: Callable[[str], int], serving: Path
) -> None:
    for name in ("a", "b", "c"):
        push_new(name)
    (serving / "m" / "2" / "variables" / "variables.index").write_bytes(b"indez")
    (serving / "m" / "9").mkdir()
    version, path = rollback(serving, "m", **WHO)
    assert (version, graph(path)) == (10, "c")  # below what is unmanaged, the newest whole one
    assert graph(rollback(serving, "m", **WHO)[1]) == "a"


@pytest.mark.parametrize("to", [2, 3, 4])
def test_what_is_not_whole_is_not_served_again(
    push_new: Callable[[str], int], serving: Path, tmp_path: Path, to: int
) -> None:
    push_new("a")
    push_new("b")
    (serving / "m" / "2" / "saved_model.pb").write_bytes(b"B")
    (serving / "m" / "3").mkdir()
    shutil.copytree(serving / "m" / "1", tmp_path / "copy")
    (serving / "m" / "4").symlink_to(tmp_path / "copy")
    assert push_new("c") == 5
    with pytest.raises(BadDataError, match=f"version {to} in .* cannot be restored") as caught:
        rollback(serving, "m", to=to, **WHO)
    assert "1, 2 (damaged), 3 (not pushed by Penstock), 4 (not pushed by Penstock), 5" in str(
        caught.value
    )
    assert newest_version(serving / "m") == 5


@pytest.mark.parametrize("to", [0, 3, -1, 12])
def test_an_unknown_version_says_what_there_is(
    push_new: Callable[[str], int], serving: Path, to: int
) -> None:
    push_new("a")
    push_new("b")
    with pytest.raises(ConfigError, match=f"has no version {to}") as caught:
        rollback(serving, "m", to=to, **WHO)
    assert caught.value.expected == "1, 2"


@pytest.mark.parametrize("to", [None, 1])
def test_nowhere_to_go_back_to(
    push_new: Callable[[str], int], serving: Path, to: int | None
) -> None:
    with pytest.raises(ConfigError, match="no version") as caught:
        rollback(serving, "m", to=to, **WHO)
    assert "no versions" in str(caught.value)
    assert not serving.exists()
    push_new("a")
    with pytest.raises(ConfigError, match=r"has no version to restore|serves already"):
        rollback(serving, "m", to=to, **WHO)
    assert version_numbers(serving / "m") == [1]


def test_a_damaged_version_that_serves_is_replaced_by_the_same_bytes_whole(
    push_new: Callable[[str], int], serving: Path
) -> None:
    for name in ("a", "b", "a"):
        push_new(name)
    (serving / "m" / "3" / "saved_model.pb").write_bytes(b"A")
    assert graph(rollback(serving, "m", to=1, **WHO)[1]) == "a"


def test_a_push_that_comes_between_stops_it(
    push_new: Callable[[str], int], serving: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_new("a")
    push_new("b")

    def push_comes_between(version: Path) -> object:
        push_new("c")
        return inspect_version(version)

    monkeypatch.setattr(rollback_module, "inspect_version", push_comes_between)
    with pytest.raises(StepError, match=r"the serving model in .* changed"):
        rollback(serving, "m", **WHO)
    assert newest_version(serving / "m") == 3


def test_a_bundle_without_a_record_can_come_again(
    serving: Path, tmp_path: Path, make_bundle: Make, push_new: Callable[[str], int]
) -> None:
    """Copied by hand: its manifest vouches for it."""
    bundle, _ = make_bundle(tmp_path / "by_hand", b"by hand")
    shutil.copytree(bundle, serving / "m" / "1")
    push_new("b")
    version, path = rollback(serving, "m", **WHO, clock=lambda: 1.0)
    assert (version, graph(path)) == (3, "by hand")
    record = read_json(path / "push.json")
    assert record["rollback_of"] == 1
    assert record["files"] == {}


def test_what_the_disk_does_not_take_is_the_environments(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"a file")
    with pytest.raises(ConfigError, match="no version"):
        rollback(tmp_path, "m", **WHO)
    with pytest.raises(ConfigError, match="invalid model name"):
        rollback(tmp_path, "../m", **WHO)


def test_history(push_new: Callable[[str], int], serving: Path) -> None:
    assert list_versions(serving / "m") == []
    for name in ("a", "b", "c"):
        push_new(name)
    (serving / "m" / "2" / "saved_model.pb").write_bytes(b"B")
    (serving / "m" / "1" / "push.json").write_text("[]")
    (serving / "m" / "4").mkdir()
    seen = list_versions(serving / "m")
    assert [(v.number, v.state, v.serves) for v in seen] == [
        (1, "damaged", False),
        (2, "damaged", False),
        (3, "whole", False),
        (4, "unmanaged", True),
    ]
    assert "push.json" in (seen[0].problem or "")
    assert "saved_model.pb" in (seen[1].problem or "")
    assert [v.record.get("run") for v in seen] == [None, "run of b", "run of c", None]
    assert [v.digest for v in seen] == [None, None, verify_version(serving / "m" / "3"), None]
