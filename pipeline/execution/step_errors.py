"""Turn errors of a component into ones that name their cause: the disk, the network, memory."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.code.user_code import is_user_error
from data.errors import EnvironmentTrouble, PenstockError, StepError, summarize_error
from data.files.durable_files import failed_write_error, parse_disk_error
from pipeline.planning.plan import Workspace

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE}  # readers get these too
_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}


@contextmanager
def translate_errors(step: str, workspace: Workspace) -> Iterator[None]:
    """Turn what the step's component raises in the block into an error that names its cause.

    An error that may be a bug is raised unchanged, so that it counts as a crash.

    Raises:
        EnvironmentTrouble: Penstock could not write a file, below the root, in the serving folder
            or elsewhere; or a service could not be reached.
        StepError: a device has not enough memory.
        RuntimeError: the component called `sys.exit`.
    """
    try:
        yield
    except SystemExit as error:  # its code would pass for one of Penstock's
        raise RuntimeError(f"the step {step!r} called sys.exit({error.code!r})") from error
    except PenstockError:
        raise
    except Exception as error:
        if translated := _translate(_unwrap_beam(error), step, workspace):
            raise translated from error
        raise


def _unwrap_beam(error: BaseException) -> BaseException:
    """Return the error of a user's function that Beam has wrapped in an error of its own."""
    inner = error.__cause__ or error.__context__
    return _unwrap_beam(inner) if inner and "[while running '" in str(error) else error


def _translate(error: BaseException, step: str, workspace: Workspace) -> PenstockError | None:
    if isinstance(error, OSError):
        return _translate_os_error(error, step, workspace)
    return _translate_tensorflow_error(error, step)


def _translate_os_error(
    error: OSError, step: str, workspace: Workspace
) -> EnvironmentTrouble | None:
    names = [Path(os.fsdecode(n)) for n in (error.filename2, error.filename) if _is_path(n)]
    folders = (workspace.root, workspace.serving_dir)
    inside = next((f for f in folders for n in names if n.absolute().is_relative_to(f)), None)
    if error.errno in _FULL | _DENIED and (inside or not is_user_error(error)):
        where = inside or next(iter(names), workspace.root)
        verb = "write to" if error.errno in _FULL else "read or write to"
        return failed_write_error(f"step {step!r} could not {verb} {where}", error)
    unreachable = isinstance(error, ConnectionError | TimeoutError | socket.gaierror)
    if unreachable or error.errno in _UNREACHABLE:
        return EnvironmentTrouble(
            f"step {step!r} could not connect to a service or host",
            got=summarize_error(error),
            follows="the step wrote nothing",
            remedy="check that the service can be reached, then run the same command again",
        )
    return None


def _is_path(name: object) -> bool:
    return isinstance(name, str | bytes) and bool(name)


def _translate_tensorflow_error(error: BaseException, step: str) -> PenstockError | None:
    kind = type(error)
    if kind.__module__.partition(".")[0] != "tensorflow":
        return None
    if disk_error := parse_disk_error(str(error)):
        file, why = disk_error
        return EnvironmentTrouble(
            f"step {step!r} could not write to {file}",
            got=why,
            follows="the step wrote nothing",
            remedy="free disk space or fix the permissions, then run the same command again",
        )
    if kind.__name__ != "ResourceExhaustedError":
        return None
    return StepError(
        f"step {step!r} is out of memory",
        expected="enough memory on the device for what the step computes",
        got=str(error).splitlines()[0][:200],
        follows="the step wrote nothing",
        remedy="use smaller batches, a smaller model, or a device with more memory",
    )
