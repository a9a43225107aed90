from __future__ import annotations

import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import toy_steps
from filelock import FileLock, Timeout

from data.files import sealed_files
from data.files.durable_files import read_json, sha256_file
from pipeline import exit_codes
from pipeline.config.graph import Ref
from pipeline.execution.events import RunPlanned, read_step_notes
from pipeline.run import run
from pipeline.storage.artifact_store import Slot, remove_leftovers
from pipeline.storage.ledger import Ledger

HOME = Path(__file__).parents[3]
# Runs the toy pipeline as a process of its own would, so that it can be killed at any moment.
CHILD = """
import sys, pathlib
sys.path.insert(0, sys.argv[1])
import toy_steps as toy
from pipeline.config.graph import PipelineConfig, Ref, Step
from pipeline.run import run
config = toy.Count.Config(upto=30, pause=0.001)
count = Step(name="count", component="toy_steps:Count", config=config)
add = Step(name="add", component="toy_steps:Add", config=toy.Add.Config(),
           inputs={"many": (Ref("count", "numbers"),)})
judge = Step(name="judge", component="toy_steps:Judge", config=toy.Judge.Config(),
             inputs={"numbers": Ref("add", "numbers")})
print("ready", flush=True)
run(PipelineConfig(name="toy", steps=(count, add, judge)), root=pathlib.Path(sys.argv[2]))
"""


def child(root: Path) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(HOME / "tests" / "support"), str(root)],
        cwd=HOME,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"ready\n"
    return process


def kills(root: Path, count: int, seed: int) -> int:
    """Kill a run `count` times at random moments; how often it was killed before its end."""
    rng = random.Random(seed)
    killed = 0
    for _ in range(count):
        process = child(root)
        time.sleep(rng.uniform(0, 0.15))  # the moment is the point: it need not be the same again
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        for artifact in root.glob("artifacts/*/[0-9a-f]*"):
            assert (artifact / "manifest.json").is_file()
        if rng.random() < 0.6 and (root / "artifacts").exists():
            for artifact in root.glob("artifacts/toy_steps.*/[0-9a-f]*"):
                (artifact / "manifest.json").unlink()  # so that there is something to do again
                for file in artifact.iterdir():
                    file.unlink()
                artifact.rmdir()
    return killed


def check_that_all_is_well(root: Path) -> None:
    process = child(root)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    assert not list(root.glob("artifacts/*/.*.making"))
    with Ledger(root) as ledger:
        assert {r.status for r in ledger.runs(10_000)} <= {"completed", "killed"}
        assert ledger.runs(1)[0].exit_code == exit_codes.DONE
    assert (next(root.glob("artifacts/toy_steps.Add/[0-9a-f]*/sum"))).read_text() == "435"


@pytest.mark.slow
def test_a_run_killed_at_any_moment_leaves_nothing_half_made(tmp_path):
    kills(tmp_path / "root", count=12, seed=0)
    check_that_all_is_well(tmp_path / "root")


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_a_run_killed_hundreds_of_times(tmp_path):
    killed = kills(tmp_path / "root", count=300, seed=1)
    print(f"300 runs, {killed} killed before their end")
    assert killed > 150  # else the moments were badly chosen
    check_that_all_is_well(tmp_path / "root")


def test_what_a_killed_process_left_is_removed_and_what_a_live_one_makes_stays(tmp_path):
    dead, live = (Slot.of(tmp_path, "components.ingest", name) for name in ("dead", "live"))
    for slot in (dead, live):
        with slot.acquire():
            (slot.open() / "half").write_text("written")
    with live.acquire():
        remove_leftovers(tmp_path)
        left = [p.name for p in tmp_path.glob("artifacts/ingest/.*.making")]
    assert left == [".live.making"]


def test_a_lock_falls_with_its_holder(tmp_path):
    pid = os.fork()
    if pid == 0:
        with Slot.of(tmp_path, "components.ingest", "f").acquire():
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    waited = []
    with Slot.of(tmp_path, "components.ingest", "f").acquire(lambda: waited.append(True)):
        assert waited == []


def test_who_waits_for_another_holds_the_slot_afterwards(tmp_path):
    slot = Slot.of(tmp_path, "components.ingest", "f")
    slot.path.parent.mkdir(parents=True)
    other = FileLock(slot.lock)
    other.acquire()
    with slot.acquire(on_wait=other.release), pytest.raises(Timeout):
        FileLock(slot.lock).acquire(timeout=0)
    with FileLock(slot.lock).acquire(timeout=0):
        pass


@dataclass(frozen=True)
class Counted:
    path: Path
    counts: dict[str, int]


@dataclass(frozen=True)
class Outputs:
    counted: Counted


def test_the_order_of_a_facts_keys_does_not_change_the_seal(tmp_path):
    seals = set()
    for place, counts in enumerate([{"a": 1, "b": 2}, {"b": 2, "a": 1}]):
        slot = Slot(tmp_path, str(place))
        seals.add(slot.seal(Outputs(Counted(slot.open(), counts)), {}, {}, 0.0, {}).seal)
    assert len(seals) == 1


class Why:
    """Keeps why each step of a run is run."""

    def emit(self, event):
        if isinstance(event, RunPlanned):
            self.why = {step.name: step.why for step in event.steps if not step.cached}


def rewrite(folder: Path, **values: object) -> None:
    """Another manifest; None leaves a key out."""
    manifest = {**read_json(folder / "manifest.json"), **values}
    kept = {key: value for key, value in manifest.items() if value is not None}
    (folder / "manifest.json").write_text(json.dumps(kept))


def into_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = {
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "half a manifest": lambda folder: (folder / "manifest.json").write_text('{"sizes": {'),
    "an empty manifest": lambda folder: (folder / "manifest.json").write_text("{}"),
    "a manifest that is a list": lambda folder: (folder / "manifest.json").write_text("[]"),
    "a manifest that is a number": lambda folder: (folder / "manifest.json").write_text("3"),
    "a manifest that is null": lambda folder: (folder / "manifest.json").write_text("null"),
    "sizes that are a list": lambda folder: rewrite(folder, sizes=[1]),
    "sizes that are words": lambda folder: rewrite(folder, sizes={"2.txt": "1"}),
    "outputs of another shape": lambda folder: rewrite(folder, outputs={"numbers": 3}),
    "outputs with a stranger": lambda folder: rewrite(folder, outputs={"others": {}}),
    "no seal": lambda folder: rewrite(folder, seal=None),
    "a folder for a manifest": lambda folder: into_folder(folder / "manifest.json"),
    "a file for the folder": lambda folder: (shutil.rmtree(folder), folder.write_text("x")),
    "a link that leads nowhere": lambda folder: (shutil.rmtree(folder), folder.symlink_to("x")),
    "a file is gone": lambda folder: (folder / "2.txt").unlink(),
    "a longer file": lambda folder: (folder / "2.txt").write_text("22"),
    "a shorter file": lambda folder: (folder / "2.txt").write_text(""),
    "another byte": lambda folder: (folder / "2.txt").write_text("3"),
    "another byte of the same time": lambda folder: flip(folder / "2.txt"),
    "a link that goes round": lambda folder: into_loop(folder / "2.txt"),
    "a folder for a file": lambda folder: into_folder(folder / "2.txt"),
    "digests that are a list": lambda folder: rewrite(folder, digests=["2.txt"]),
    "ctimes that are a list": lambda folder: rewrite(folder, ctimes=[1]),
}


def flip(file: Path) -> None:
    """Another byte, the size and the mtime as they were."""
    stat = file.stat()
    file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:])
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def into_loop(file: Path) -> None:
    file.unlink()
    file.symlink_to(file)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_not_whole_is_not_there_and_made_again(toy_pipeline, tmp_path, damage):
    made = run(toy_pipeline(), root=tmp_path / "root", last="count").outputs["count"]
    folder = made.numbers.path
    slot = Slot(folder.parent, folder.name)
    assert slot.load(toy_steps.Count.Outputs).outputs == made
    damage(folder)
    assert slot.load(toy_steps.Count.Outputs) is None
    watcher = Why()
    again = run(toy_pipeline(), root=tmp_path / "root", last="count", on_event=watcher.emit)
    ((why,),) = watcher.why.values()
    assert why in ("its artifact is damaged: manifest.json", "its artifact is damaged: 2.txt")
    assert os.path.lexists(tmp_path / "root/damaged" / folder.parent.name / folder.name)
    assert again.outputs["count"] == made
    assert slot.load(toy_steps.Count.Outputs).outputs == made
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, slot.lock.name}


def test_what_a_step_that_failed_began_is_discarded(tmp_path):
    slot = Slot.of(tmp_path, "components.ingest", "f")
    with slot.acquire():
        (slot.open() / "half").write_text("written")
        slot.discard()
        slot.discard()  # nothing is there, and nothing is wrong
    assert [path.name for path in slot.path.parent.iterdir()] == [slot.lock.name]


def test_replacing_an_artifact_never_leaves_a_mixture(toy_pipeline, tmp_path):
    root = tmp_path / "root"
    first = run(toy_pipeline(noisy=True), root=root)
    folder = first.outputs["add"].numbers.path
    before = (folder / "noise").read_bytes()
    run(toy_pipeline(noisy=True), root=root, force=["add"])
    assert (folder / "noise").read_bytes() != before
    assert not list(folder.parent.glob(".*.old"))


def test_a_flipped_byte_is_gone_before_anything_uses_it(toy_pipeline, tmp_path):
    root = tmp_path / "root"
    first = run(toy_pipeline(), root=root)
    flip(first.outputs["count"].numbers.path / "1.txt")
    again = run(toy_pipeline(constant=1), root=root)
    assert [e.status for e in again.executions] == ["completed"] * 3
    assert (again.outputs["count"].numbers.path / "1.txt").read_text() == "1"


def rot(folder: Path, name: str) -> None:
    """Another byte while size and times are as they were, as of a disk that gives back others."""
    flip(folder / name)
    ctimes = {
        n: (folder / n).stat().st_ctime_ns for n in read_json(folder / "manifest.json")["sizes"]
    }
    rewrite(folder, ctimes=ctimes)


def by_step(result) -> dict[str, str]:
    return {e.step: e.status for e in result.executions}


@pytest.mark.parametrize("orchestrator", ["local", "beam"])
def test_what_a_step_consumes_is_read_whatever_its_times_say(
    toy_pipeline, tmp_path, calls, orchestrator
):
    root, again = tmp_path / "root", partial(run, toy_pipeline(), orchestrator=orchestrator)
    folder = again(root=root, last="count").outputs["count"].numbers.path
    rot(folder, "1.txt")
    assert by_step(again(root=root, last="count")) == {"count": "cached"}  # by size and ctime
    result = again(root=root)
    assert by_step(result) == dict.fromkeys(("count", "add", "judge"), "completed")
    assert calls() == ["count", "count", "add", "judge"]
    assert (folder / "1.txt").read_text() == "1"
    aside = root / "damaged" / folder.parent.name / folder.name
    assert (aside / "1.txt").read_text() == "0"
    notes = read_step_notes(root / "runs" / result.run.id)["count"]
    assert notes.why == (f"1.txt was damaged, see {aside}",)
    assert by_step(again(root=root)) == dict.fromkeys(("count", "add", "judge"), "cached")


@pytest.mark.parametrize("orchestrator", ["local", "beam"])
def test_what_was_made_of_a_damaged_artifact_is_made_again_too(
    toy_pipeline, tmp_path, orchestrator
):
    """A step that comes out otherwise each time, one of it that is cached, and one that is not."""
    before = toy_pipeline(noisy=True)
    first = run(before, root=tmp_path / "root")
    rot(first.outputs["add"].numbers.path, "sum")
    after = dataclasses.replace(
        before.steps[1], name="after", inputs={"many": (Ref("add", "numbers"),)}
    )
    pipeline = dataclasses.replace(before, steps=(*before.steps, after))
    result = run(pipeline, root=tmp_path / "root", orchestrator=orchestrator)
    assert by_step(result) == {
        "count": "cached",
        **dict.fromkeys(("add", "judge", "after"), "completed"),
    }
    with Ledger(tmp_path / "root") as ledger:
        assert {e.step: e.status for e in ledger.executions(result.run.id)} == by_step(result)
    notes = read_step_notes(tmp_path / "root" / "runs" / result.run.id)
    assert notes["count"].why == ()
    assert notes["add"].why[0].startswith("sum was damaged")
    assert notes["judge"].why == ("its input was damaged",)
    assert notes["after"].why == ("first time",)
    assert set(by_step(run(pipeline, root=tmp_path / "root")).values()) == {"cached"}


def test_of_a_copied_root_every_byte_is_read_once(toy_pipeline, tmp_path, monkeypatch):
    first = run(toy_pipeline(), root=tmp_path / "root")
    copy = Path(shutil.copytree(tmp_path / "root", tmp_path / "copy", symlinks=True))
    reads = []
    monkeypatch.setattr(
        sealed_files, "sha256_file", lambda file: (reads.append(file), sha256_file(file))[1]
    )
    for files in (5, 0):
        reads.clear()
        result = run(toy_pipeline(), root=copy)
        assert [e.status for e in result.executions] == ["cached"] * 3
        assert len(set(reads)) == len(reads) == files
    assert result.outputs["add"].numbers.total == first.outputs["add"].numbers.total


def test_who_only_looks_leaves_what_another_run_has_sealed_since(tmp_path):
    slot = Slot(tmp_path, "f")
    slot.seal(Outputs(Counted(slot.open(), {})), {}, {}, 1.0, {})
    plain = read_json(slot.path / "manifest.json")
    slot._store_ctimes({**plain, "seal": "of another"}, {"x": 1})
    assert read_json(slot.path / "manifest.json") == plain
    slot._store_ctimes(plain, {"x": 1})
    assert read_json(slot.path / "manifest.json") == {**plain, "ctimes": {"x": 1}}
