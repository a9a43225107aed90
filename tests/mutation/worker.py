"""Runs tests on mutants, each in a fork of this process, which has the heavy libraries loaded.

Its standard input has a job per line, its standard output an answer; see `campaign`. It works on
a copy of the repository, which is its folder and the first on its path.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

_TIMEOUT = 900  # seconds for one test, which may wait for something that never comes
_PATIENCE = 3600  # seconds for all tests of one mutant
_MEMORY = 6 * 2**30  # bytes: a loop without end that gathers something


def main() -> None:
    """Answer jobs until there are none."""
    for library in sys.argv[1:]:
        importlib.import_module(library)
    import pytest  # noqa: F401

    gc.freeze()  # else pytest's collections of garbage walk through all libraries in each fork
    for line in sys.stdin:
        print(json.dumps(_do(json.loads(line))), flush=True)


def _do(job: dict[str, Any]) -> dict[str, Any]:
    """Run the tests `job["tests"]` on the file `job["file"]` as `job["text"]` has it."""
    file = Path(job["file"]) if job["file"] else None
    whole = file.read_bytes() if file else b""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        try:
            if file:
                file.write_text(job["text"], encoding="utf-8")
            code, work = _tests(job["tests"], log, Path(folder, "tests"), job["limit"])
        finally:
            if file:
                file.write_bytes(whole)
        said = log.read_text(errors="replace")
    return {
        "code": code,
        "timeout": code in (-signal.SIGKILL, -signal.SIGXCPU) or "Failed: Timeout" in said,
        "seconds": round(time.monotonic() - begun, 1),
        "work": work,  # seconds of the processor
        "said": said[-3000:],
    }


def _tests(tests: list[str], log: Path, base: Path, limit: int) -> tuple[int, float]:
    """The exit code of pytest, in at most `limit` seconds of the processor, and what it took."""
    child = os.fork()
    if not child:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        with log.open("wb") as file:
            for descriptor in (1, 2):
                os.dup2(file.fileno(), descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = 3
        try:
            code = _pytest(tests, base)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    give_up = time.monotonic() + _PATIENCE
    while True:
        done, status, used = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > give_up:
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what tests left running
    shutil.rmtree(base, ignore_errors=True)
    return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime


def _pytest(tests: list[str], base: Path) -> int:
    import pytest

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # to look for plugins takes half a second
    options = ["-x", "-q", f"--timeout={_TIMEOUT}"]
    options += ["-p", "pytest_timeout", "-p", "_hypothesis_pytestplugin", "-p", "no:cacheprovider"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # loaded before the fork
    marks = ["-m", "not torture and not runners"]
    return int(pytest.main([*options, *marks, f"--basetemp={base}", *tests]))


if __name__ == "__main__":
    main()
