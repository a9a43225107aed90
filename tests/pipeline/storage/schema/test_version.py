"""A ledger of any version is opened or refused, and keeps its rows."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from data.errors import EnvironmentTrouble
from pipeline.schedule.ledger.heartbeats import Watch
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.spans.store import SpanStore
from pipeline.storage.ledger import Ledger
from pipeline.storage.schema.version import CURRENT

# A ledger as it was made before schemas had numbers, as SQL's text.
WITHOUT_NUMBER = Path(__file__).with_name("ledger_without_number.sql").read_text()
BACKUP = f"ledger-before-{CURRENT}.sqlite"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A root with a ledger from before schemas had numbers."""
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db:
        db.executescript(WITHOUT_NUMBER)
    return tmp_path


def dump(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as db:
        return list(db.iterdump())


def columns(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """Table → its columns, as SQLite describes them."""
    with closing(sqlite3.connect(file)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return {name: db.execute(f"PRAGMA table_info({name})").fetchall() for name in tables}


def number(root: Path) -> str:
    with closing(sqlite3.connect(root / "ledger.sqlite")) as db:
        return str(db.execute("SELECT version_num FROM alembic_version").fetchall())


def write_number(root: Path, version: str) -> None:
    with closing(sqlite3.connect(root / "ledger.sqlite")) as db, db:
        db.execute("UPDATE alembic_version SET version_num = ?", (version,))


def open_all(root: Path) -> None:
    for kind in (Ledger, ScheduleStore, SpanStore):
        kind(root)


def test_a_ledger_without_a_number_opens_with_all_its_rows(old, tmp_path_factory, caplog):
    before = dump(old / "ledger.sqlite")
    with caplog.at_level(logging.WARNING), Ledger(old) as ledger:
        (run,) = ledger.runs()
        assert (run.id, run.status, run.verdict) == (
            "20261101-030000-digits-0a1b",
            "completed",
            "passed",
        )
        (execution,) = ledger.executions(run.id)
        assert ledger.artifacts(execution.fingerprint)["model"][0] == "Model"
    with ScheduleStore(old) as store:
        assert store.standing("nightly").failures == 1
        assert [tick.outcome for tick in store.ticks_of("nightly")] == ["completed"]
    with SpanStore(old) as spans:
        assert set(spans.notes("/data/day-{SPAN}").excluded) == {"3"}
    assert number(old) == f"[('{CURRENT}',)]"
    assert dump(old / BACKUP) == before
    assert str(old / BACKUP) in caplog.text

    new = tmp_path_factory.mktemp("new")
    open_all(new)
    open_all(old)
    assert columns(old / "ledger.sqlite") == columns(new / "ledger.sqlite")


TICKS = """
INSERT INTO ticks SELECT schedule, due + 86400, 'due', NULL, NULL, NULL, '', claimed + 86400,
    NULL, NULL, 0, NULL, 0, 1, NULL FROM ticks;
INSERT INTO ticks SELECT schedule, due - 7, 'by hand', 'nothing new', NULL, NULL, '', claimed - 7,
    launched - 7, ended - 7, 1, 'k', 0, 1, NULL FROM ticks WHERE outcome = 'ran';
INSERT INTO executions SELECT run_id, 'ingest', component, '2', 'reused', 0.1, NULL FROM executions;
INSERT INTO executions SELECT run_id, 'judge', component, '3', 'failed', 0.1, NULL FROM executions
    WHERE step = 'train';
"""


def test_statuses_are_translated_and_ticks_are_numbered_in_their_order(old):
    with closing(sqlite3.connect(old / "ledger.sqlite")) as db:
        db.executescript(TICKS)
    with Ledger(old) as ledger:
        (run,) = ledger.runs()
        statuses = {e.step: e.status for e in ledger.executions(run.id)}
        assert statuses == {"train": "completed", "ingest": "cached", "judge": "failed"}
        (link,) = ledger.lineage("1" * 32)
        assert (link.input, link.index, link.source) == ("examples", 0, "2" * 32)
        assert ledger.previous("digits", "train") == "1" * 32
    with ScheduleStore(old) as store, Watch(old) as watch:
        assert [(tick.id, tick.kind, tick.outcome) for tick in store.ticks_of("nightly")] == [
            (3, "scheduled", None),
            (2, "scheduled", "completed"),
            (1, "manual", "nothing new"),
        ]
        assert [tick.id for tick in store.survey().open_ticks] == [3]
        assert store.trigger("nightly", 1_800_000_000.0).id == 4
        assert watch.last_seen() == 1_793_500_000.0


def test_processes_that_open_a_ledger_at_once_migrate_it_once(old):
    code = "import sys; from pathlib import Path; from pipeline.storage.ledger import Ledger\n"
    code += "input(); print(len(Ledger(Path(sys.argv[1])).runs()))"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(old)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    said = [child.communicate("\n") for child in children]
    assert [out for out, _ in said] == ["1\n"] * 3, said
    assert sum("now has schema" in words for _, words in said) == 1
    assert number(old) == f"[('{CURRENT}',)]"


KILLED = """
import os, signal, sys
from pathlib import Path
import sqlalchemy as sa
from pipeline.storage.ledger import Ledger
from pipeline.storage.schema import migrate  # once for all children

def die(*_):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

sa.event.listen(sa.Engine, "after_cursor_execute", die)
sa.event.listen(sa.Engine, "commit", die)
for left in range(80):
    child = os.fork()
    if not child:
        try:
            Ledger(Path(sys.argv[1]) / str(left))
        finally:
            os._exit(0)
    if not os.waitpid(child, 0)[1]:
        print(left)
        break
"""


@pytest.mark.slow
def test_killed_at_any_statement_the_ledger_is_the_old_one_or_the_new_one(old, tmp_path):
    roots = [tmp_path / str(place) for place in range(80)]
    for root in roots:
        root.mkdir()
        (root / "ledger.sqlite").write_bytes((old / "ledger.sqlite").read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    killed, before = int(done.stdout), dump(old / "ledger.sqlite")
    assert killed > 5
    numbers = set()
    for root in roots[:killed]:
        found = dump(root / "ledger.sqlite")  # rolls back what was under way
        numbers.add(number(root) if found != before else "")
        with Ledger(root) as ledger:
            assert len(ledger.runs()) == 1
    assert numbers == {"", f"[('{CURRENT}',)]"}


def test_a_newer_ledger_is_refused_and_not_changed(tmp_path):
    with Ledger(tmp_path) as open_before:
        write_number(tmp_path, "0099")
        before = (tmp_path / "ledger.sqlite").read_bytes()
        for use in (lambda: Ledger(tmp_path), lambda: ScheduleStore(tmp_path), open_before.runs):
            with pytest.raises(EnvironmentTrouble, match="newer Penstock") as found:
                use()
            assert found.value.got == "schema 0099"
            assert "use the newer Penstock" in found.value.remedy
    assert (tmp_path / "ledger.sqlite").read_bytes() == before


@pytest.mark.parametrize("version", ["", "head", "ae1027a6acf"])
def test_an_unknown_number_is_refused(tmp_path, version):
    Ledger(tmp_path)
    write_number(tmp_path, version)
    with pytest.raises(EnvironmentTrouble, match="newer Penstock"):
        Ledger(tmp_path)


def test_a_ledger_without_a_column_is_refused_and_kept(old):
    with closing(sqlite3.connect(old / "ledger.sqlite")) as db, db:
        db.execute("ALTER TABLE runs DROP COLUMN verdict")
    before = dump(old / "ledger.sqlite")
    with pytest.raises(EnvironmentTrouble, match="not a ledger that this Penstock knows") as found:
        Ledger(old)
    assert found.value.got == "a table 'runs' without verdict"
    assert dump(old / "ledger.sqlite") == before


def test_another_database_is_refused(tmp_path):
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db, db:
        db.execute("CREATE TABLE guests (name TEXT)")
    with pytest.raises(EnvironmentTrouble, match="not a ledger that this Penstock knows"):
        Ledger(tmp_path)
    assert list(columns(tmp_path / "ledger.sqlite")) == ["guests"]


def test_alembic_is_imported_only_where_there_is_something_to_migrate(old, tmp_path):
    new = tmp_path / "new"
    new.mkdir()
    code = (
        "import sys; from pathlib import Path; from pipeline.storage.ledger import Ledger\n"
        "for root in sys.argv[1:]:\n"
        "    Ledger(Path(root)); print('alembic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(new), str(new), str(old)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False", "False", "True"]
