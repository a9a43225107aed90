"""What a step reads outside the root: a change makes it run, one while it runs seals nothing."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import toy_steps

from components import ingest
from data.errors import InputChanged
from pipeline import exit_codes
from pipeline.config.graph import PipelineConfig, Ref, Step
from pipeline.run import run
from pipeline.spans.data_key import compute_data_key
from pipeline.storage.ledger import Ledger


@pytest.fixture(params=["local", "beam"], autouse=True)
def orchestrator(request, monkeypatch):
    monkeypatch.setitem(globals(), "run", functools.partial(run, orchestrator=request.param))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "numbers"
    folder.mkdir()
    for number in (1, 2):
        (folder / str(number)).write_text(str(number))
    return folder


def reading(component: str = "toy_steps:Read", **options: Any) -> PipelineConfig:
    read = Step(name="read", component=component, config=toy_steps.Read.Config(options=options))
    add = Step(
        name="add",
        component="toy_steps:Add",
        config=toy_steps.Add.Config(),
        inputs={"many": (Ref("read", "numbers"),)},
    )
    return PipelineConfig(name="reading", steps=(read, add))


def statuses(result: Any) -> list[str]:
    return [execution.status for execution in result.executions]


def replaced(folder: Path) -> None:
    """Another number in a file of the same size and mtime."""
    stat = (folder / "1").stat()
    (folder / "1").write_text("5")
    os.utime(folder / "1", ns=(stat.st_atime_ns, stat.st_mtime_ns))


CHANGES: dict[str, tuple[Callable[[Path], object], int]] = {
    "a new file": (lambda folder: (folder / "3").write_text("3"), 6),
    "a file is gone": (lambda folder: (folder / "1").unlink(), 2),
    "another number": (replaced, 7),
}


@pytest.mark.parametrize(("change", "total"), CHANGES.values(), ids=CHANGES)
def test_a_folder_that_an_option_names_is_looked_at(folder, tmp_path, change, total) -> None:
    pipeline, root = reading(folder=f"{folder}/"), tmp_path / "root"
    assert run(pipeline, root=root).outputs["add"].numbers.total == 3
    cached = run(pipeline, root=root)
    assert (statuses(cached), cached.unseen) == (["reused"] * 2, ())
    change(folder)
    result = run(pipeline, root=root)
    assert statuses(result) == ["made"] * 2
    assert result.outputs["add"].numbers.total == total


def test_data_that_nobody_looked_at_is_said(folder, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    pipeline, root = reading(folder="numbers"), tmp_path / "root"
    first = run(pipeline, root=root)
    assert first.unseen == ()  # it was read just now
    replaced(folder)
    result = run(pipeline, root=root)
    assert statuses(result) == ["reused"] * 2
    assert result.unseen == ("toy_steps:Read",)


def test_the_word_of_a_source_counts(folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(toy_steps.Stamped, "words", ["one"])
    pipeline, root = reading("toy_steps:Stamped"), tmp_path / "root"
    assert statuses(run(pipeline, root=root)) == ["made"] * 2
    assert statuses(again := run(pipeline, root=root)) == ["reused"] * 2
    assert again.unseen == ()
    toy_steps.Stamped.words[:] = ["two"]
    assert statuses(run(pipeline, root=root))[0] == "made"


def kept(root: Path) -> list[str]:
    return [p.name for p in root.glob("artifacts/*/[0-9a-f]*")] + list(
        map(str, root.glob("work/*"))
    )


@pytest.mark.parametrize("name", ["2", "3"])
def test_what_changed_while_it_was_read_is_not_sealed(folder, tmp_path, name) -> None:
    root = tmp_path / "root"
    with pytest.raises(InputChanged, match=rf"changed while it ran: {folder}/{name}\n") as error:
        run(reading(folder=str(folder), write=name), root=root)
    assert exit_codes.of_error(error.value) == exit_codes.ENVIRONMENT
    assert kept(root) == []
    with Ledger(root) as ledger:
        (entered,) = ledger.runs()
        assert (entered.status, entered.exit_code) == ("failed", exit_codes.ENVIRONMENT)
    result = run(reading(folder=str(folder)), root=root)
    assert result.outputs["read"].numbers.total == {"2": 8, "3": 10}[name]


def test_a_file_that_changed_while_it_was_read_is_named(folder, tmp_path) -> None:
    file = str(folder / "2")
    with pytest.raises(InputChanged, match=rf"changed while it ran: {file}\n"):
        run(reading(folder=f"{folder}", it=file, write="2"), root=tmp_path / "root")
    assert kept(tmp_path / "root") == []


def test_a_source_that_says_another_word_at_the_end_is_not_sealed(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(toy_steps.Stamped, "words", ["one", "two"])
    with pytest.raises(InputChanged, match="the source's stamp") as error:
        run(reading("toy_steps:Stamped"), root=tmp_path / "root")
    assert "'one', then 'two'" in str(error.value.got)
    assert kept(tmp_path / "root") == []


def test_an_input_file_that_is_replaced_while_a_step_begins(toy_pipeline, tmp_path, monkeypatch):
    """Other bytes of the same size and mtime, after the plan has digested the file."""
    file = tmp_path / "numbers.txt"
    file.write_text("1 2 3")
    begin = toy_steps.Count.run

    def late(inputs: Any, config: Any, context: Any) -> Any:
        stat = file.stat()
        file.write_text("1 2 4")
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        return begin(inputs, config, context)

    with monkeypatch.context() as patched:
        patched.setattr(toy_steps.Count, "run", staticmethod(late))
        with pytest.raises(InputChanged, match=rf"{file}\n"):
            run(toy_pipeline(file=str(file)), root=tmp_path / "root")
    assert kept(tmp_path / "root") == []
    result = run(toy_pipeline(file=str(file)), root=tmp_path / "root")
    assert result.outputs["count"].numbers.total == 7
    file.write_text("1 2 3")
    result = run(toy_pipeline(file=str(file)), root=tmp_path / "root")
    assert result.outputs["count"].numbers.total == 6


def test_an_input_file_that_goes_while_a_step_runs(toy_pipeline, tmp_path, monkeypatch) -> None:
    file = tmp_path / "numbers.txt"
    file.write_text("1 2 3")
    begin = toy_steps.Count.run

    def last(inputs: Any, config: Any, context: Any) -> Any:
        made = begin(inputs, config, context)
        file.unlink()
        return made

    monkeypatch.setattr(toy_steps.Count, "run", staticmethod(last))
    with pytest.raises(InputChanged, match=rf"{file} cannot be read"):
        run(toy_pipeline(file=str(file)), root=tmp_path / "root")
    assert kept(tmp_path / "root") == []


@pytest.mark.parametrize("root", ["root", "."])
def test_what_runs_write_below_the_data_does_not_count(
    toy_pipeline, tmp_path, monkeypatch, root
) -> None:
    """The root lies in the folder that is read, as does what Python writes beside a source."""
    folder, root = tmp_path / "data", tmp_path / "data" / root
    monkeypatch.setattr(
        toy_steps.Count,
        "depends",
        lambda config: ingest.depends(ingest.Config(source="idx", path=config.file)),
    )
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "numbers").write_text("1")
    monkeypatch.setattr(toy_steps.Count, "run", staticmethod(_all_below))
    pipeline = toy_pipeline(file=str(folder))
    key = compute_data_key(pipeline, root, now=0.0)
    for status in ("made", "reused"):
        assert statuses(run(pipeline, root=root, last="count")) == [status]
        assert compute_data_key(pipeline, root, now=0.0) == key
    (folder / "numbers").write_text("2")
    assert compute_data_key(pipeline, root, now=0.0) != key
    assert statuses(run(pipeline, root=root, last="count")) == ["made"]


def test_an_artifact_may_be_another_run_s_data(toy_pipeline, tmp_path) -> None:
    first = run(toy_pipeline(), root=tmp_path / "root", last="count")
    file = first.outputs["count"].numbers.path / "2.txt"
    pipeline = toy_pipeline(file=str(file))
    for status in ("made", "reused"):
        assert statuses(run(pipeline, root=tmp_path / "root", last="count")) == [status]
    file.write_text("3")
    assert statuses(run(pipeline, root=tmp_path / "root", last="count")) == ["made"]


def _all_below(inputs: Any, config: Any, context: Any) -> Any:
    (Path(config.file) / "__pycache__" / "source.pyc").touch()
    return toy_steps.Count.Outputs(numbers=toy_steps.Numbers(path=context.output_dir, total=0))
