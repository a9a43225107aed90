"""An error names its cause and whose it is: the disk's, the network's, memory's, the user's own."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import apache_beam as beam
import pytest
from free_ports import free_port
from own_project import line_of, write_file, write_step

from components.beam.run_pipeline import run_pipeline
from components.context import Context
from data.errors import EnvironmentTrouble, StepError
from pipeline import exit_codes
from pipeline.cli.main import call
from pipeline.execution.step_errors import translate_errors
from pipeline.planning.plan import Workspace


@pytest.fixture
def ask(tmp_path, capfd):
    """A function that runs a recipe of one step with this body: (exit code, file, stderr)."""

    def run(body: str, *more: str) -> tuple[int, Path, str]:
        file = write_step(tmp_path, body)
        code = call(["run", f"{file}:recipe", "--root", str(tmp_path / "root"), *more])
        return code, file, capfd.readouterr().err

    return run


def test_a_file_that_the_user_s_code_cannot_open(ask, tmp_path):
    code, file, said = ask("open('/nowhere/pixels.npy')")
    assert code == exit_codes.CRASH
    assert "FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/pixels.npy'" in said
    assert line_of(file, "/nowhere/pixels.npy") in said
    assert "could not write" not in said
    (traceback,) = tmp_path.glob("root/runs/*/traceback.txt")
    assert f"the whole traceback: {traceback}" in said
    assert "FileNotFoundError" in traceback.read_text()


def test_a_full_disk_of_the_user_s_own_is_not_the_root_s(ask):
    code, file, said = ask("with open('/dev/full', 'w') as file: file.write('x' * 99999)")
    assert code == exit_codes.CRASH
    assert "No space left on device" in said
    assert line_of(file, "/dev/full") in said
    assert "could not write to" not in said


def test_what_refuses_a_connection(ask):
    body = f"import socket; socket.create_connection(('127.0.0.1', {free_port()}))"
    code, file, said = ask(body)
    assert code == exit_codes.ENVIRONMENT
    assert "step 'own' could not connect to a service or host" in said
    assert "Connection refused" in said
    assert line_of(file, "create_connection") in said
    assert "disk" not in said


@pytest.mark.parametrize("ending", ["import sys; sys.exit(3)", "raise SystemExit(4)"])
def test_no_exit_of_the_user_s_is_taken_for_a_verdict(ask, tmp_path, ending):
    code, file, said = ask(ending)
    assert code == exit_codes.CRASH
    assert "the step 'own' called sys.exit(" in said
    assert line_of(file, ending) in said
    (record,) = tmp_path.glob("root/runs/*/run.json")
    assert json.loads(record.read_text())["exit_code"] == exit_codes.CRASH


def test_nor_one_in_a_recipe(tmp_path, capfd):
    file = write_file(tmp_path, "def recipe():\n    raise SystemExit(3)\n")
    assert call(["config", f"{file}:recipe"]) == exit_codes.BAD_CONFIG
    assert f"{file}:2, in recipe" in capfd.readouterr().err


def test_an_interrupt_stays_one(ask):
    assert ask("raise KeyboardInterrupt")[0] == exit_codes.INTERRUPTED


def test_a_crash_names_the_user_s_innermost_line_not_the_library_s(ask):
    code, file, said = ask("import json; json.loads('{')")
    assert code == exit_codes.CRASH
    assert f"at:       {line_of(file, 'json.loads')}, in run: " in said


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(root=tmp_path / "root", serving_dir=tmp_path / "serving", seed=0)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("place", ["root", "serving"])
def test_a_write_below_the_root_or_the_serving_folder(workspace, tmp_path, number, place):
    file = tmp_path / place / "a" / "b"
    for error in (
        OSError(number, os.strerror(number), str(file)),
        OSError(number, os.strerror(number), "/elsewhere/source", None, str(file)),
    ):
        with pytest.raises(EnvironmentTrouble) as caught, translate_errors("own", workspace):
            raise error
        assert f"write to {tmp_path / place}" in caught.value.what
        assert caught.value.got == f"{os.strerror(number)} ({file})"


def test_what_is_not_about_writing_stays_what_it_is(workspace, tmp_path):
    missing = FileNotFoundError(errno.ENOENT, "No such file", str(tmp_path / "root" / "x"))
    for error in (missing, OSError(errno.EMFILE, "Too many open files"), ValueError("x")):
        with pytest.raises(type(error)) as caught, translate_errors("own", workspace):
            raise error
        assert caught.value is error


def refused(_: object) -> None:
    raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


def test_what_fails_in_a_function_of_beam_s_is_told_as_well(workspace, tmp_path):
    def build(pipeline: beam.Pipeline) -> None:
        _ = pipeline | beam.Create([1]) | beam.Map(refused)

    context = Context(output_dir=tmp_path)
    with pytest.raises(EnvironmentTrouble) as caught, translate_errors("own", workspace):
        run_pipeline(build, context)
    assert caught.value.got == "ConnectionRefusedError: [Errno 111] Connection refused"


def of_tensorflow(name: str, text: str) -> Exception:
    """As TensorFlow raises it; tests/components/train/test_devices.py has real ones."""
    module = {"__module__": "tensorflow.python.framework.errors_impl"}
    return type(name, (Exception,), module)(text)


@pytest.mark.parametrize(
    ("name", "text", "kind", "words"),
    [
        (
            "ResourceExhaustedError",
            "{{function_node x}} /r/logs/events; No space left on device [Op:Write]",
            EnvironmentTrouble,
            "could not write to /r/logs/events",
        ),
        ("UnknownError", "/r/x; Input/output error", EnvironmentTrouble, "write to /r/x"),
        ("FailedPreconditionError", "/r/x; Read-only file system", EnvironmentTrouble, "/r/x"),
        (
            "ResourceExhaustedError",
            "OOM when allocating tensor with shape[9,9]",
            StepError,
            "out of memory",
        ),
    ],
)
def test_tensorflow_s_words_for_a_full_disk_and_for_memory(workspace, name, text, kind, words):
    with pytest.raises(kind, match=words), translate_errors("own", workspace):
        raise of_tensorflow(name, text)


def test_other_errors_of_tensorflow_are_crashes(workspace):
    error = of_tensorflow("InvalidArgumentError", "shapes differ")
    with pytest.raises(type(error)), translate_errors("own", workspace):
        raise error
