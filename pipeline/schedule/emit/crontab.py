"""A schedule as a line of a crontab."""

from __future__ import annotations

import shlex
from pathlib import Path

from data.errors import ConfigError
from pipeline.schedule.emit.job import Clock, Job
from pipeline.schedule.emit.render import render
from pipeline.schedule.emit.times import convert_interval

_LONGEST = 998  # bytes of a command in Debian's cron


def render_crontab(job: Job, log: Path | None = None) -> str:
    """The lines for `crontab -e`.

    Args:
        log: the file to which output is appended; by default `<root>/schedules/<name>.cron.log`.

    Raises:
        ConfigError: cron cannot say the times, or the line is longer than cron takes.
    """
    log = (log or job.root / "schedules" / f"{job.name}.cron.log").absolute()
    if not str(log).isprintable():
        raise ConfigError(f"{str(log)!r} cannot stand in a crontab", expected="a printable path")
    file = shlex.quote(str(log))
    # What runs is the last of the line, so that its exit code is the line's. The log is its
    # owner's alone from the first; what runs keeps the mask of cron, for others may serve models.
    line = _escaped(
        f"mkdir -p -m 700 {shlex.quote(str(log.parent))} && (umask 077 && : >>{file}) && "
        f"(cd {shlex.quote(job.folder)} && exec {shlex.join(job.command)}) "
        f">>{file} 2>&1"
    )
    if len(line.encode()) > _LONGEST:
        raise ConfigError(
            f"the line would have {len(line.encode())} bytes",
            expected=f"at most {_LONGEST}, which is all that cron reads",
            remedy="a root with a shorter path, or --as systemd",
        )
    if isinstance(job.when, Clock):
        when, zone = job.when.times.debian_cron(), job.when.zone
    else:
        when, zone = convert_interval(job.when), None
    return render("crontab.j2", job=job, zone=zone, when=when, command=line)


def _escaped(command: str) -> str:
    r"""For cron, % ends the command and \% is a %; some crons read \\ as \, others do not.

    A backslash stands only within quotes; they end and begin again behind it, so that all crons
    leave it as it is.
    """
    return command.replace("\\", "\\''").replace("%", r"\%")
