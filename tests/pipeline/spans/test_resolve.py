from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import idx_files
import numpy as np
import pytest

from data.errors import BadDataError, ConfigError, EnvironmentTrouble
from data.files import sealed_files
from data.files.durable_files import read_json
from data.spans.patterns import make_absolute
from pipeline import recipes
from pipeline.config.config_toml import plain_to_toml
from pipeline.config.graph import PipelineConfig
from pipeline.config.graph_checks import check
from pipeline.config.overrides import apply_overrides, apply_settings, read_toml
from pipeline.execution.run_record import make_run
from pipeline.run import run
from pipeline.spans.data_key import compute_data_key
from pipeline.spans.quarantine import quarantine_span
from pipeline.spans.resolve import resolve_spans, restore_recipe_config
from pipeline.spans.store import Excluded, SpanStore
from pipeline.storage.ledger import Ledger
from pipeline.storage.tables import Execution, Pushed

HOME = Path(__file__).parents[3]
NOW = 1_800_000_000.0
SETTINGS = ("ingest.source=idx", "ingest.class_names=['a', 'b', 'c', 'd']")


@pytest.fixture
def lake(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a span, 12 images of 4 x 4 for training and 8 for testing."""

    def write(day: int, *, version: int = 1, seed: int = 0) -> Path:
        rng = np.random.default_rng((day, version, seed))
        images = rng.integers(0, 256, (20, 4, 4, 1), dtype=np.uint8)
        labels = np.arange(20) % 4
        folder = tmp_path / "lake" / f"day-2026-11-{day:02}" / f"v{version}"
        return idx_files.write_idx(folder, (images[:12], labels[:12]), (images[12:], labels[12:]))

    return write


@pytest.fixture
def pipeline(tmp_path: Path) -> Callable[..., PipelineConfig]:
    """A function that makes the digits pipeline on the lake's days, with settings of ingest."""

    def make(*settings: str) -> PipelineConfig:
        path = f"ingest.path={tmp_path}/lake/day-{{YYYY}}-{{MM}}-{{DD}}/v{{VERSION}}"
        return apply_settings(recipes.build("digits"), (*SETTINGS, path, *settings))

    return make


def names(pipeline: PipelineConfig) -> list[str]:
    return [step.name for step in pipeline.steps]


def days(pipeline: PipelineConfig) -> list[str]:
    return [taken.span[-2:] for taken in pipeline.step("ingest").config.spans]


def exclude(pipeline: PipelineConfig, root: Path, span: str) -> None:
    root.mkdir(exist_ok=True)
    pattern = make_absolute(pipeline.step("ingest").config.path)
    with SpanStore(root) as store:
        store.exclude(Excluded(pattern=pattern, span=span, reason="shuffled", by="ana", time=NOW))


def statuses(result) -> dict[str, str]:
    return {execution.step: execution.status for execution in result.executions}


def test_a_pattern_becomes_one_ingest_for_each_span_and_a_window(lake, pipeline, tmp_path) -> None:
    for day in (1, 2, 3):
        lake(day)
    lake(2, version=2)
    made = resolve_spans(pipeline("ingest.window=2"), tmp_path / "root", now=NOW)
    check(made)
    days_ = ["ingest-2026-11-02", "ingest-2026-11-03"]
    assert names(made) == [*days_, "ingest", "normalize", "train", "evaluate", "export"]
    first = made.step(days_[0]).config
    assert (first.path, first.span) == (f"{tmp_path}/lake/day-2026-11-02/v2", "2026-11-02")
    window = made.step("ingest").config
    assert [(t.span, t.version) for t in window.spans] == [("2026-11-02", 2), ("2026-11-03", 1)]
    assert window.left_out == ()
    assert made.steps[3:] == pipeline().steps[1:]
    assert not (tmp_path / "root").exists()


def test_the_config_of_a_span_does_not_depend_on_the_window(lake, pipeline, tmp_path) -> None:
    for day in (1, 2):
        lake(day)
    configs = {
        resolve_spans(pipeline(*settings), tmp_path, now=NOW)
        .step("ingest-2026-11-02")
        .config.__repr__()
        for settings in (
            ("ingest.window=2",),
            ("ingest.window=all", "ingest.test=all"),
            ("ingest.window=2026-11-02",),
            ("ingest.quiet_minutes=0",),
        )
    }
    assert len(configs) == 1


@pytest.mark.parametrize("orchestrator", ["local", "beam"])
def test_each_span_is_ingested_once(lake, pipeline, tmp_path, orchestrator, monkeypatch) -> None:
    root, ingest = tmp_path / "root", partial(run, orchestrator=orchestrator, last="ingest")
    for day in (1, 2, 3):
        lake(day)
    ingest(pipeline("ingest.window=3"), root=root)
    lake(4)
    second = ingest(pipeline("ingest.window=3"), root=root)
    assert statuses(second) == {
        "ingest-2026-11-02": "cached",
        "ingest-2026-11-03": "cached",
        "ingest-2026-11-04": "completed",
        "ingest": "completed",
    }
    examples = second.outputs["ingest"].examples
    assert examples.counts == {"train": (9, 9, 9, 9), "test": (2, 2, 2, 2)}
    assert read_json(examples.path / "examples.json")["source"]["spans"][0] == {
        "span": "2026-11-02",
        "version": 1,
    }
    reads: list[Path] = []
    monkeypatch.setattr(sealed_files, "sha256_file", reads.append)
    third = ingest(pipeline("ingest.window=3"), root=root)
    assert set(statuses(third).values()) == {"cached"}
    assert reads == []  # though the window has linked the spans' shards, which changed their ctimes


def test_the_name_of_the_window_means_its_spans_too(lake, pipeline, tmp_path) -> None:
    root, wanted = tmp_path / "root", pipeline("ingest.window=2")
    for day in (1, 2):
        lake(day)
    everything = {
        "ingest-2026-11-01": "completed",
        "ingest-2026-11-02": "completed",
        "ingest": "completed",
    }
    assert statuses(run(wanted, root=root, only="ingest")) == everything
    forced = run(wanted, root=root, only="ingest", force=["ingest"])
    assert statuses(forced) == everything
    one = run(wanted, root=root, first="ingest", last="ingest", force=["ingest-2026-11-02"])
    assert statuses(one) == {
        "ingest-2026-11-01": "cached",
        "ingest-2026-11-02": "completed",
        "ingest": "cached",
    }
    alone = run(wanted, root=root, only="ingest-2026-11-01")
    assert statuses(alone) == {"ingest-2026-11-01": "cached"}
    for asked in ({"only": "ingset"}, {"force": ["ingset"]}):
        with pytest.raises(ConfigError, match="no step 'ingset'"):
            run(wanted, root=root, **asked)


def test_what_is_left_out_is_said_where_it_would_have_been_taken(lake, pipeline, tmp_path) -> None:
    root = tmp_path / "root"
    for day in (1, 2, 3, 4):
        lake(day)
    exclude(pipeline(), root, "2026-11-01")
    exclude(pipeline(), root, "2026-11-03")

    def left_out(settings: str) -> list[str]:
        window = resolve_spans(pipeline(settings), root, now=NOW).step("ingest").config
        return [out.span[-2:] for out in window.left_out]

    made = resolve_spans(pipeline("ingest.window=2"), root, now=NOW)
    assert days(made) == ["02", "04"]
    (out,) = made.step("ingest").config.left_out
    assert (out.span, out.version, out.state) == ("2026-11-03", 1, "excluded")
    assert out.why == "by ana: shuffled"
    assert left_out("ingest.window=latest") == []
    assert left_out("ingest.window=3") == ["01", "03"]  # not full: any would have been taken
    assert left_out("ingest.window=all") == ["01", "03"]
    assert left_out("ingest.window=2026-11-02") == []


def test_a_window_without_a_span_that_can_be_used(lake, pipeline, tmp_path) -> None:
    with pytest.raises(BadDataError, match="no file or folder matches"):
        resolve_spans(pipeline(), tmp_path, now=NOW)
    lake(1)
    exclude(pipeline(), tmp_path, "2026-11-01")
    with pytest.raises(BadDataError) as error:
        resolve_spans(pipeline(), tmp_path, now=NOW)
    assert "2026-11-01: excluded, by ana: shuffled" in str(error.value)
    with pytest.raises(ConfigError, match="no span '2026-11-07'"):
        resolve_spans(pipeline("ingest.window=2026-11-07"), tmp_path, now=NOW)


@pytest.mark.parametrize(
    "setting", ["window=3", "test=all", "done_marker=_SUCCESS", "quiet_minutes=3"]
)
def test_settings_of_windows_need_a_pattern(setting: str, tmp_path: Path) -> None:
    digits = apply_settings(recipes.build("digits"), [f"ingest.{setting}"])
    with pytest.raises(ConfigError, match="needs a pattern of spans"):
        resolve_spans(digits, tmp_path, now=NOW)
    assert resolve_spans(recipes.build("digits"), tmp_path, now=NOW) == recipes.build("digits")


@pytest.mark.parametrize(
    "setting", ["window=0", "quiet_minutes=-1", "done_marker=a/b", "path=/d/{SPAM}"]
)
def test_settings_that_make_no_sense(setting: str) -> None:
    with pytest.raises(ConfigError):
        apply_settings(recipes.build("digits"), [f"ingest.{setting}"])


def test_the_key_changes_when_there_is_something_new(lake, pipeline, tmp_path) -> None:
    wanted, keys = pipeline("ingest.window=2", "ingest.quiet_minutes=10"), []

    def key(now: float = NOW) -> str:
        return compute_data_key(wanted, tmp_path, now=now)

    def settled(folder: Path, minutes_ago: float) -> None:
        for file in folder.iterdir():
            os.utime(file, (0, NOW - 60 * minutes_ago))

    for day in (1, 2, 3):
        settled(lake(day), 100)
    keys.append(key())
    assert key(NOW + 1e6) == keys[0]
    settled(lake(4), 5)
    assert key() == keys[0]  # incomplete
    keys.append(key(NOW + 600))
    settled(lake(4, version=2), 100)
    keys.append(key(NOW + 600))
    settled(tmp_path / "lake/day-2026-11-04/v2", 99)
    keys.append(key(NOW + 600))
    assert len(set(keys)) == 4
    assert {len(one) for one in keys} == {32}
    exclude(wanted, tmp_path, "2026-11-04")
    assert key(NOW + 600) == keys[0]  # of what is left, nothing is new
    settled(lake(1, version=2), 100)
    assert key(NOW + 600) == keys[0]  # outside the window
    exclude(wanted, tmp_path, "2026-11-03")
    assert key(NOW + 600) not in keys


def test_without_a_pattern_the_files_count(lake, tmp_path) -> None:
    folder = lake(1)
    plain = apply_settings(recipes.build("digits"), (*SETTINGS, f"ingest.path={folder}"))
    before = compute_data_key(plain, tmp_path, now=NOW)
    assert compute_data_key(plain, tmp_path, now=NOW + 1) == before
    (folder / "train-images-idx3-ubyte.gz").touch()
    assert compute_data_key(plain, tmp_path, now=NOW) != before
    digits = recipes.build("digits")
    assert compute_data_key(digits, tmp_path, now=NOW) == compute_data_key(
        digits, tmp_path, now=NOW
    )


def test_a_file_that_is_gone_has_no_key(toy_pipeline, tmp_path) -> None:
    with pytest.raises(EnvironmentTrouble, match=r"numbers\.txt cannot be read"):
        compute_data_key(toy_pipeline(file=str(tmp_path / "numbers.txt")), tmp_path, now=NOW)


def test_a_key_imports_no_library(lake, pipeline, tmp_path) -> None:
    lake(1)
    path = pipeline().step("ingest").config.path
    code = (
        "import sys; from pathlib import Path; from pipeline import recipes\n"
        "from pipeline.config.overrides import apply_settings\n"
        "from pipeline.spans.data_key import compute_data_key\n"
        f"settings = {[*SETTINGS, f'ingest.path={path}']!r}\n"
        "compute_data_key(apply_settings(recipes.build('digits'), settings), Path('.'), now=0.0)\n"
        "heavy = {'numpy', 'tensorflow', 'apache_beam', 'keras'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(HOME)},
    )


def test_a_span_that_cannot_be_read_is_left_out_until_it_is_fixed(lake, pipeline, tmp_path) -> None:
    root, wanted = tmp_path / "root", pipeline("ingest.window=2")
    for day in (1, 2, 3):
        lake(day)
    broken = tmp_path / "lake/day-2026-11-03/v1/train-images-idx3-ubyte.gz"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-20])
    with pytest.raises(BadDataError) as failed:
        run(wanted, root=root, last="ingest")
    with Ledger(root) as ledger:
        run_id = ledger.runs(1)[0].id

    def left_out_by(error: Exception) -> str | None:
        return quarantine_span(wanted, root, run_id=run_id, error=error, now=NOW)  # type: ignore[arg-type]

    assert left_out_by(EnvironmentTrouble("the disk")) is None
    assert left_out_by(failed.value) == "2026-11-03"
    made = resolve_spans(wanted, root, now=NOW)
    assert days(made) == ["01", "02"]
    (out,) = made.step("ingest").config.left_out
    assert (out.span, out.state) == ("2026-11-03", "unreadable")
    assert "train-images-idx3-ubyte.gz" in out.why
    assert statuses(run(wanted, root=root, last="ingest"))["ingest"] == "completed"
    broken.write_bytes(whole)
    assert days(resolve_spans(wanted, root, now=NOW)) == ["02", "03"]
    assert statuses(run(wanted, root=root, last="ingest"))["ingest-2026-11-03"] == "completed"


def test_bad_data_that_is_no_span_s_marks_none(lake, pipeline, toy_pipeline, tmp_path) -> None:
    lake(1)
    root = tmp_path / "root"
    with pytest.raises(BadDataError) as failed:
        run(toy_pipeline(status="bad data"), root=root)
    with Ledger(root) as ledger:
        run_id = ledger.runs(1)[0].id
    assert quarantine_span(pipeline(), root, run_id=run_id, error=failed.value, now=NOW) is None


def test_a_run_s_config_reads_back_as_a_recipe_s(lake, pipeline, tmp_path) -> None:
    for day in (1, 2, 3):
        lake(day)
    exclude(pipeline(), tmp_path, "2026-11-02")
    made = resolve_spans(pipeline("ingest.window=2", "ingest.test=all"), tmp_path, now=NOW)
    file = tmp_path / "run.toml"
    written = {"name": "digits", **restore_recipe_config(make_run(made).config)}
    file.write_text(plain_to_toml(written))
    again = apply_overrides(recipes.build("digits"), read_toml(file))
    lake(4)
    elsewhere = tmp_path / "again"
    remade = resolve_spans(again, elsewhere, now=NOW)
    assert days(remade) == ["01", "03"]
    assert [step.config for step in remade.steps if step.name != "ingest"] == [
        step.config for step in made.steps if step.name != "ingest"
    ]
    plain = make_run(recipes.build("digits")).config
    assert restore_recipe_config(plain) == plain


def pushed(ledger: Ledger, made: PipelineConfig, fingerprint: str, *, by_hand: bool) -> None:
    """Enter a run of a resolved pipeline whose model was pushed, as runs and `push` enter it."""
    entered = make_run(made)
    ledger.start_run(entered)
    execution = Execution(
        run_id=entered.id,
        step="export",
        component="components.export",
        fingerprint=fingerprint,
        status="completed",
        seconds=1.0,
    )
    ledger.record(execution, {"push": ("Push", {"path": "", "pushed": not by_hand})}, [])
    if by_hand:
        ledger.record_push(
            Pushed(
                run_id=entered.id,
                digest="d",
                version=1,
                served_path="serving/digits/1",
                time=NOW,
                by="ana",
                reason="",
                rules={},
            )
        )


@pytest.mark.parametrize("by_hand", [False, True])
def test_since_push(lake, pipeline, tmp_path, by_hand: bool) -> None:
    root, wanted = tmp_path, pipeline("ingest.window=since push")
    for day in (1, 2, 3):
        lake(day)
    first = resolve_spans(wanted, root, now=NOW)
    assert days(first) == ["01", "02", "03"]
    key = compute_data_key(wanted, root, now=NOW)
    with Ledger(root) as ledger:
        pushed(ledger, first, "a", by_hand=by_hand)
        assert compute_data_key(wanted, root, now=NOW) == key
        with pytest.raises(BadDataError, match=r"no span of .* is usable") as error:
            resolve_spans(wanted, root, now=NOW)
        assert "newer than 2026-11-03" in str(error.value)
        lake(4)
        second = resolve_spans(wanted, root, now=NOW)
        assert days(second) == ["04"]
        ledger.start_run(make_run(second))  # it did not push
        lake(5)
        assert days(resolve_spans(wanted, root, now=NOW)) == ["04", "05"]
        assert compute_data_key(wanted, root, now=NOW) != key


def test_the_last_push_of_another_pattern_does_not_count(lake, pipeline, tmp_path) -> None:
    lake(1)
    made = resolve_spans(pipeline("ingest.window=all"), tmp_path, now=NOW)
    with Ledger(tmp_path) as ledger:
        pushed(ledger, made, "a", by_hand=False)
    elsewhere = f"ingest.path={tmp_path}/lake/day-2026-11-{{SPAN}}/v1"
    other = pipeline("ingest.window=since push", elsewhere)
    assert days(resolve_spans(other, tmp_path, now=NOW)) == ["01"]
