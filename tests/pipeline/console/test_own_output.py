"""What a user's own code prints reaches the user; what libraries print goes to the log."""

from __future__ import annotations

import json

from own_project import write_step

from data.errors import ConfigError
from pipeline.cli.main import call
from pipeline.console.error_message import explain
from pipeline.console.own_output import own_output_to

BODY = """
import pprint, sys, threading
print("loading", 3, "files")
print("no end", end="")
print(" of the line")
pprint.pprint({"a": 1})
print("to stderr", file=sys.stderr)
thread = threading.Thread(target=lambda: print("from a thread"))
thread.start(); thread.join()
sys.stdout.write("unfinished")
import os
os.write(1, b"past Python\\n")
"""
LINES = [
    "loading 3 files",
    "no end of the line",
    "{'a': 1}",
    "to stderr",
    "from a thread",
    "unfinished",
]


def test_prints_are_shown_and_are_events(tmp_path, capfd):
    file = write_step(tmp_path, BODY)
    assert call(["run", f"{file}:recipe", "--root", str(tmp_path / "root")]) == 0
    said = capfd.readouterr()
    shown = [line for line in said.err.splitlines() if line in LINES]
    assert shown == LINES
    assert "past Python" not in said.err + said.out
    (run,) = (tmp_path / "root" / "runs").iterdir()
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    assert [e["text"] for e in events if e["event"] == "printed"] == LINES
    assert (run / "libraries.log").read_text() == "past Python\n"


def test_what_ours_prints_goes_to_the_stream_though_a_user_s_own_code_called_it(capsys):
    shown: list[str] = []
    with own_output_to(shown.append):
        print("mine")
        explain(ConfigError("ours"), debug=False)
    assert shown == ["mine"]
    assert capsys.readouterr().err == "penstock: bad config: ours\n"


def test_with_debug_all_is_printed_as_it_comes(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("sys.argv", ["penstock", "--debug"])
    file = write_step(tmp_path, "print('mine')")
    assert call(["run", f"{file}:recipe", "--root", str(tmp_path / "root")]) == 0
    assert "mine" in capfd.readouterr().out
