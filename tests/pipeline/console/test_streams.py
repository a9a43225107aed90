"""Readers that leave, for real: processes, pipes, a terminal that closes, a full disk."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import exit_codes
from pipeline.console.streams import say
from pipeline.storage.ledger import Ledger

HOME = Path(__file__).parents[3]


def command(*words: object, **streams: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *map(str, words)],
        cwd=HOME,
        stdin=subprocess.DEVNULL,
        check=False,
        **streams,
    )


@pytest.fixture
def nobody():
    """The writing end of a pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.fixture
def closed_terminal():
    """A terminal that nobody looks at any more."""
    ours, theirs = pty.openpty()
    os.close(ours)
    yield theirs
    os.close(theirs)


@pytest.mark.parametrize("words", ["show latest", "runs", "config digits", "recipes"])
@pytest.mark.parametrize("stream", ["nobody", "closed_terminal"])
def test_a_reader_that_left_is_no_error(words, stream, finished_root, request):
    root = [] if words in ("config digits", "recipes") else ["--root", finished_root]
    ended = command(
        *words.split(), *root, stdout=request.getfixturevalue(stream), stderr=subprocess.PIPE
    )
    assert (ended.returncode, ended.stderr) == (exit_codes.DONE, b"")


@pytest.mark.slow
@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_a_run_goes_on_when_nobody_reads(debug, nobody, tmp_path):
    words = ["run", "digits", "--until", "normalize", "--root", tmp_path / "root", *debug]
    ended = command(*words, stdout=nobody, stderr=nobody)
    assert ended.returncode == exit_codes.DONE
    with Ledger(tmp_path / "root") as ledger:
        (run,) = ledger.runs()
        assert run.status == "completed"
        assert [e.status for e in ledger.executions(run.id)] == ["completed", "completed"]


@pytest.mark.parametrize("words", ["show latest", "config digits"])
def test_a_full_disk_under_standard_output_is_the_environments_trouble(words, finished_root):
    root = [] if words == "config digits" else ["--root", finished_root]
    with open("/dev/full", "wb") as full:
        ended = command(*words.split(), *root, stdout=full, stderr=subprocess.PIPE)
    assert ended.returncode == exit_codes.ENVIRONMENT
    assert b"cannot write to standard output" in ended.stderr
    assert b"No space left" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_a_full_disk_under_standard_error_ends_the_telling_alone(finished_root):
    with open("/dev/full", "wb") as full:
        ended = command("show", "nonsense", "--root", finished_root, stderr=full)
        assert ended.returncode == exit_codes.BAD_CONFIG
        ended = command("show", "latest", "--root", finished_root, stdout=-1, stderr=full)
    assert ended.returncode == exit_codes.DONE
    assert b"PASSED" in ended.stdout


def test_streams_that_were_closed_from_the_start(finished_root):
    line = f'exec "$@" show latest --root "{finished_root}" >&- 2>&-'
    ended = subprocess.run(
        ["sh", "-c", line, "sh", sys.executable, "-m", "pipeline"], cwd=HOME, check=False
    )
    assert ended.returncode == exit_codes.DONE


def test_what_a_command_says_acts_on_no_terminal(capsys):
    say("2026\u202e-11\x1b[2J is excluded by \u2066ana")
    say(Path("/data/\x07bell"), error=True)
    said = capsys.readouterr()
    assert said.out == "2026\\u202e-11\\x1b[2J is excluded by \\u2066ana\n"
    assert said.err == "/data/\\x07bell\n"
