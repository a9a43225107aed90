"""Run the tests of `make test` under other conditions of machine and user: `make conditions`.

`python tests/conditions.py [--times N] [CONDITION …] [-- PYTEST OPTIONS]`; `a+b` is two at once.
Prints for each run what passed, failed and was skipped, the seconds, and what failed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as tree
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HOME = Path(__file__).parents[1]
USER = "nobody"
TESTS = ["-q", "-p", "no:cacheprovider", "-m", "not torture and not runners"]


@dataclass(frozen=True)
class Condition:
    """How a run of the tests differs from one without conditions."""

    environ: dict[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()  # a command that is given the tests' command
    shuffled: bool = False
    busy: int = 0  # processes beside it that do nothing but work

    def __or__(self, other: Condition) -> Condition:
        return Condition(
            environ=self.environ | other.environ,
            before=self.before + other.before,
            shuffled=self.shuffled or other.shuffled,
            busy=self.busy + other.busy,
        )


def _processor(xla: str, openblas: str) -> Condition:
    """The instructions of an older processor, in libraries that choose them at run time.

    Not in oneDNN: TensorFlow asks the processor itself whether oneDNN has kernels for bfloat16, and
    where oneDNN may not use them it ends with a segmentation fault.
    """
    return Condition({"XLA_FLAGS": f"--xla_cpu_max_isa={xla}", "OPENBLAS_CORETYPE": openblas})


CONDITIONS = {
    "one-core": Condition(before=("taskset", "-c", str(min(os.sched_getaffinity(0))))),
    "busy": Condition(busy=4),
    "onednn-off": Condition({"TF_ENABLE_ONEDNN_OPTS": "0"}),
    "onednn-on": Condition({"TF_ENABLE_ONEDNN_OPTS": "1"}),
    "sse4": _processor("SSE4_2", "Nehalem"),
    "avx2": _processor("AVX2", "Haswell"),
    "user": Condition(
        before=("setpriv", "--reuid", USER, "--regid", "nogroup", "--clear-groups"),
    ),
    "abroad": Condition(
        {"TZ": "Pacific/Chatham", "LC_ALL": "C"},
        before=("sh", "-c", 'umask 077; exec "$@"', "sh"),
    ),
    "shuffled": Condition(shuffled=True),
}


@contextlib.contextmanager
def busy_processes(count: int) -> Iterator[None]:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


@contextlib.contextmanager
def home_of_the_tests() -> Iterator[Path]:
    """Make an empty folder that the tests write to, whoever runs them."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-conditions-"))
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def run(name: str, options: list[str]) -> bool:
    """Run the tests under a condition and print the result. Returns whether they passed."""
    condition = Condition()
    for part in name.split("+"):
        condition |= CONDITIONS[part]
    if condition.shuffled:
        seed = str(random.randrange(1_000_000))
        options = ["--random-order-bucket=module", f"--random-order-seed={seed}", *options]
        name = f"{name} (seed {seed})"
    with home_of_the_tests() as folder, busy_processes(condition.busy):
        command = [*condition.before, sys.executable, "-m", "pytest", *TESTS]
        environ = {**os.environ, "HOME": str(folder), "TMPDIR": str(folder), **condition.environ}
        results, started = folder / "results.xml", time.monotonic()
        with (folder / "output").open("w") as output:
            code = subprocess.run(
                [*command, f"--junitxml={results}", *options],
                cwd=HOME,
                env=environ,
                stdout=output,
                stderr=subprocess.STDOUT,
            ).returncode
        seconds = time.monotonic() - started
        if not results.exists():
            print(f"{name}: no results, exit code {code}\n{(folder / 'output').read_text()}")
            return False
        return report(name, results, seconds) and code == 0


def report(name: str, results: Path, seconds: float) -> bool:
    counts, bad = Counter({"passed": 0, "failed": 0, "skipped": 0}), []
    for case in tree.parse(results).iter("testcase"):
        kinds = {child.tag for child in case}
        outcome = "skipped" if "skipped" in kinds else "passed"
        if kinds & {"failure", "error"}:
            outcome = "failed"
            why = next(child.get("message", "") for child in case if child.tag != "system-out")
            bad.append(f"  {case.get('classname')}::{case.get('name')}: {why.splitlines()[:1]}")
        counts[outcome] += 1
    words = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    print("\n".join([f"{name}: {words}, {seconds:.0f} s", *bad]), flush=True)
    return not bad


def main() -> int:
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--times", type=int, default=1, help="how often each")
    parser.add_argument("conditions", nargs="*", default=list(CONDITIONS), metavar="CONDITION")
    args = parser.parse_args(words[:cut])
    if unknown := {part for name in args.conditions for part in name.split("+")} - set(CONDITIONS):
        parser.error(
            f"no condition {', '.join(sorted(unknown))}; there are {', '.join(CONDITIONS)}"
        )
    user = [*CONDITIONS["user"].before, sys.executable, "-c", "pass"]
    if "user" in "+".join(args.conditions).split("+") and subprocess.run(user).returncode:
        parser.error(
            f"{USER} cannot run {sys.executable}: be root, and take an environment whose Python "
            f"all may run: make conditions PYTHON=/usr/bin/python3 VENV=/opt/penstock"
        )
    names = [name for name in args.conditions for _ in range(args.times)]
    well = [run(name, words[cut + 1 :]) for name in names]
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main())
