"""Renders a schedule as a line of a crontab."""

from __future__ import annotations

import shlex
from pathlib import Path

from data.errors import ConfigError
from pipeline.schedule.emit.job import Clock, Job
from pipeline.schedule.emit.render import render
from pipeline.schedule.emit.times import convert_interval

_LONGEST = 998  # maximum bytes of a command in Debian's cron


def render_crontab(job: Job, log: Path | None = None) -> str:
    """Render the lines for `crontab -e`.

    Args:
        job: the schedule.
        log: the file to which output is appended; by default `<root>/schedules/<name>.cron.log`.

    Raises:
        ConfigError: cron cannot express the times, or the line is too long for cron.
    """
    log = (log or job.root / "schedules" / f"{job.name}.cron.log").absolute()
    if not str(log).isprintable():
        raise ConfigError(f"invalid log path {str(log)!r}", expected="a printable path")
    file = shlex.quote(str(log))
    # The tick comes last, so that its exit code is that of the line. The log is created readable
    # for its owner only; the tick keeps cron's umask, as other users may serve the models.
    line = _escaped(
        f"mkdir -p -m 700 {shlex.quote(str(log.parent))} && (umask 077 && : >>{file}) && "
        f"(cd {shlex.quote(job.folder)} && exec {shlex.join(job.command)}) "
        f">>{file} 2>&1"
    )
    if len(line.encode()) > _LONGEST:
        raise ConfigError(
            f"the line of the crontab has {len(line.encode())} bytes",
            expected=f"at most {_LONGEST}, the limit of cron",
            remedy="use a root with a shorter path, or --as systemd",
        )
    if isinstance(job.when, Clock):
        when, zone = job.when.times.debian_cron(), job.when.zone
    else:
        when, zone = convert_interval(job.when), None
    return render("crontab.j2", job=job, zone=zone, when=when, command=line)


def _escaped(command: str) -> str:
    r"""Escape a command for cron, where % ends the command and \% is a %.

    Some crons read \\ as \, others do not. So the quotes, within which every backslash stands, end
    after it and begin again, which all crons read in the same way.
    """
    return command.replace("\\", "\\''").replace("%", r"\%")
