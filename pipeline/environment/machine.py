"""Check this machine for what could keep a run from working: `penstock doctor`."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from data.base.visible_text import escape_controls
from data.errors import EnvironmentTrouble
from pipeline import exit_codes
from pipeline.environment.shadowed_packages import find_shadowed_packages
from pipeline.storage.run_folder import prepare_root

_LIBRARIES = (
    "tensorflow",
    "keras",
    "apache-beam",
    "tensorflow-transform",
    "tensorflow-model-analysis",
    "tensorflow-datasets",
    "numpy",
)
_LITTLE_DISK = 2 * 1024**3  # bytes: about what MNIST's run leaves, several times over
_LIST_GPUS = """
import json, sys
import tensorflow as tf
gpus = tf.config.list_physical_devices("GPU")
details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
names = [detail.get("device_name", gpu.name) for gpu, detail in zip(gpus, details)]
print(json.dumps(names))
"""


class Finding(NamedTuple):
    """The result of one check: one line of the output."""

    good: bool
    what: str
    result: str
    remedy: str = ""


def check_machine(root: Path) -> Iterator[Finding]:
    """Check Python, libraries, packages, the root and its disk, and last the GPUs.

    `root` is left as it was: removed where it did not exist.
    """
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding(good, "Python", platform.python_version(), "use Python 3.11, 3.12 or 3.13")
    for name in _LIBRARIES:
        try:
            yield Finding(True, name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(False, name, "not installed", "run `make venv`, or reinstall Penstock")
    shadowed = find_shadowed_packages()
    yield Finding(not shadowed, "packages", "shadowed" if shadowed else "Penstock's own")
    for name, (imported, ours) in shadowed.items():
        remedy = f"rename {imported}, or start from another folder"
        yield Finding(False, name, f"{imported} is imported in place of {ours}", remedy)
    yield from _check_root(root)
    yield _check_gpus()


def _check_root(root: Path) -> Iterator[Finding]:
    existed = root.exists()
    try:
        prepare_root(root)
        yield Finding(True, "root", f"{root} is writable")
        free = shutil.disk_usage(root).free
        remedy = f"free 2 GB, or choose another root than {root} with --root DIR"
        yield Finding(free > _LITTLE_DISK, "disk", f"{free / 1e9:.1f} GB free", remedy)
    except EnvironmentTrouble as error:
        yield Finding(False, "root", error.brief, error.remedy or "")
    finally:
        if not existed and root.is_dir():
            root.rmdir()


def _check_gpus() -> Finding:
    """Let TensorFlow list the GPUs, in a process of its own: it prints, and may crash."""
    command = [sys.executable, "-P", "-c", _LIST_GPUS]
    child = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if child.returncode:
        lines = child.stderr.strip().splitlines() or [f"exit code {child.returncode}"]
        return Finding(
            False,
            "TensorFlow",
            f"cannot be imported: {lines[-1]}",
            f"run `make venv`; see {shlex.quote(sys.executable)} -c 'import tensorflow'",
        )
    names = json.loads(child.stdout.splitlines()[-1])
    return Finding(True, "GPUs", ", ".join(names) or "none: training runs on the CPU")


def print_findings(findings: Iterable[Finding]) -> int:
    """Print each finding as soon as it is there. Returns the exit code."""
    problems = 0
    for finding in findings:
        problems += not finding.good
        line = f"{'ok  ' if finding.good else 'FAIL'}  {finding.what:<26} {finding.result}"
        print(escape_controls(line), flush=True)
        if not finding.good and finding.remedy:
            print(escape_controls(f"      {'do:':<26} {finding.remedy}"))
    print(_count(problems))
    return exit_codes.ENVIRONMENT if problems else exit_codes.DONE


def _count(problems: int) -> str:
    return "no problems found" if not problems else f"{problems} problem{'s'[: problems > 1]} found"
