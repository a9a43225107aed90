"""`penstock doctor --runner=…`: what about a runner and its workers could keep a run from working.

Light until it runs: the findings of the machine itself come from `pipeline.environment.machine`.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Sequence
from pathlib import Path

from data.errors import PenstockError
from pipeline.config import secrets
from pipeline.environment.machine import Finding

_SAME = "install the same versions on the workers as here, and start them anew"


def examine_runner(args: Sequence[str], root: Path) -> Iterator[Finding]:
    """Connect, run three elements, and look at the workers that ran them.

    It takes at most what `data.base.waits` says: of a job server and a worker.

    Args:
        args: Beam's flags.
        root: where workers would write; a temp location among the flags is tried too.
    """
    from components.beam.job_server import connect_job_server
    from components.beam.options import get_option, parse_flags
    from components.beam.worker_check import examine_workers

    place = "flags"
    try:
        secrets.check_flags(args)
        args = secrets.read_flags(args)
        temporary = get_option(parse_flags(args), "temp_location")
        folders = [root.absolute()]
        if temporary and "://" not in str(temporary):
            folders.append(Path(temporary))
        place = "connection"
        with connect_job_server(args, probe=False) as leading:
            yield Finding(True, "runner", "flags are known, the job server answers")
            place = "three elements"
            facts = examine_workers(leading, folders)
            yield Finding(True, place, f"done on {', '.join(sorted(facts.get('host', {'?'})))}")
    except PenstockError as error:
        yield Finding(False, place, error.brief, error.remedy or "")
        return
    yield from _workers(facts)


def _workers(facts: dict[str, set[str]]) -> Iterator[Finding]:
    from data.code.worker_code import read_versions

    expected = {**read_versions(), "tensorflow": importlib.metadata.version("tensorflow")}
    for name, mine in expected.items():
        seen = facts.get(name, set())
        said = " and ".join(sorted(seen)) or "not told"
        if seen == {mine}:
            yield Finding(True, f"workers' {name}", said)
        else:
            yield Finding(False, f"workers' {name}", f"{said}, here {mine}", _SAME)
    for name in sorted(facts):
        if name.startswith("write "):
            wrong = sorted(facts[name] - {"ok"})
            folder = name.removeprefix("write ")
            yield Finding(
                not wrong,
                "workers write",
                f"{folder}: {wrong[0]}" if wrong else folder,
                "let workers' user write there, or choose a root that workers share",
            )
