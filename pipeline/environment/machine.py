"""`penstock doctor`: what about this machine could keep a run from working."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from data.base.visible_text import escape_controls
from data.errors import EnvironmentTrouble
from pipeline import exit_codes
from pipeline.environment.shadowed_packages import shadowed
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


class Finding(NamedTuple):
    """One line of the examination."""

    good: bool
    what: str
    seen: str
    remedy: str = ""


def examine(root: Path) -> Iterator[Finding]:
    """Look at everything in turn; the last one, the GPUs, imports TensorFlow."""
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding(good, "Python", platform.python_version(), "use Python 3.11, 3.12 or 3.13")
    for name in _LIBRARIES:
        try:
            yield Finding(True, name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(False, name, "not installed", "make venv")
    wrong = shadowed()
    yield Finding(not wrong, "packages", "ours" if not wrong else "shadowed")
    for name, (imported, ours) in wrong.items():
        yield Finding(False, name, f"{imported} shadows {ours}", "rename it or start elsewhere")
    existed = root.exists()
    try:
        prepare_root(root)
        yield Finding(True, "root", f"{root} is writable")
        free = shutil.disk_usage(root).free
        seen = f"{free / 1e9:.1f} GB free"
        yield Finding(
            free > _LITTLE_DISK, "disk", seen, f"free some, or choose another root than {root}"
        )
    except EnvironmentTrouble as error:
        yield Finding(False, "root", error.brief, error.remedy or "")
    finally:
        if not existed and root.is_dir():
            root.rmdir()
    yield _gpus()


def _gpus() -> Finding:
    try:
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
    except Exception as error:
        return Finding(False, "TensorFlow", f"does not import: {error}", "make venv")
    names = [tf.config.experimental.get_device_details(g).get("device_name", g.name) for g in gpus]
    return Finding(True, "GPUs", ", ".join(names) or "none: training runs on the CPU")


def show(findings: Iterable[Finding]) -> int:
    """Print each finding as it is found. Returns the exit code."""
    bad = 0
    for finding in findings:
        bad += not finding.good
        line = f"{'ok ' if finding.good else 'BAD'}  {finding.what:<26} {finding.seen}"
        print(escape_controls(line), flush=True)
        if not finding.good and finding.remedy:
            print(escape_controls(f"     {'do:':<26} {finding.remedy}"))
    print("all is well" if not bad else f"{bad} to mend")
    return exit_codes.ENVIRONMENT if bad else exit_codes.DONE
