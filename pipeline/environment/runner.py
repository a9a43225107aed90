"""Check a Beam runner and its workers for what could keep a run from working: `penstock doctor`.

Beam is imported when a check begins, not before.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Sequence
from pathlib import Path

from data.errors import PenstockError
from pipeline.config import secrets
from pipeline.environment.machine import Finding

_SAME = "install the same versions on the workers as here, and restart them"


def check_runner(args: Sequence[str], root: Path) -> Iterator[Finding]:
    """Connect, run a job of three elements, and check the workers that ran it.

    It takes at most the waits JOB_SERVER and WORKER of `data.base.waits`.

    Args:
        args: Beam's flags.
        root: where workers would write; the flag --temp_location is tried too.
    """
    from components.beam.job_server import connected
    from components.beam.options import parse, value
    from components.beam.worker_check import examine_workers

    what = "flags"
    try:
        secrets.refuse_secrets_in_flags(args)
        args = secrets.read_secrets_in_flags(args)
        temporary = value(parse(args), "temp_location")
        folders = [root.absolute()]
        if temporary and "://" not in str(temporary):
            folders.append(Path(temporary))
        what = "connection"
        with connected(args, probe=False) as leading:
            yield Finding(True, "runner", "the flags are valid, the job server answers")
            what = "three elements"
            facts = examine_workers(leading, folders)
            yield Finding(True, what, f"processed on {', '.join(sorted(facts.get('host', {'?'})))}")
    except PenstockError as error:
        yield Finding(False, what, error.brief, error.remedy or "")
        return
    yield from _compare_workers(facts)


def _compare_workers(facts: dict[str, set[str]]) -> Iterator[Finding]:
    """Compare the workers' versions with those here, and say whether they could write."""
    from data.code.worker_code import here

    expected = {**here(), "tensorflow": importlib.metadata.version("tensorflow")}
    for name, version in expected.items():
        versions = facts.get(name, set())
        listed = " and ".join(sorted(versions)) or "not reported"
        if versions == {version}:
            yield Finding(True, f"workers' {name}", listed)
        else:
            yield Finding(False, f"workers' {name}", f"{listed}, here {version}", _SAME)
    for name in sorted(facts):
        if name.startswith("write "):
            errors = sorted(facts[name] - {"ok"})
            folder = name.removeprefix("write ")
            yield Finding(
                not errors,
                "workers write",
                f"{folder}: {errors[0]}" if errors else folder,
                "let the workers' user write there, or choose a root that the workers share",
            )
