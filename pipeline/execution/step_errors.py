"""What a component raised, told as what it is: the disk's, the network's, memory's, or a bug."""

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
_BARRED = {errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE}  # to a reader as well
_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}


@contextmanager
def told(step: str, workspace: Workspace) -> Iterator[None]:
    """Turn what the step's component raises in the block into an error that names its cause.

    What cannot be told from a bug goes on as it is, so that it counts as a crash.

    Raises:
        EnvironmentTrouble: a write of ours failed, below the root, where models are pushed or
            elsewhere; or something could not be reached.
        StepError: a device has not enough memory.
        RuntimeError: the component would have ended the process.
    """
    try:
        yield
    except SystemExit as error:  # its code would be taken for one of ours
        raise RuntimeError(f"the step {step!r} called sys.exit({error.code!r})") from error
    except PenstockError:
        raise
    except Exception as error:
        if trouble := _trouble(_in_worker(error), step, workspace):
            raise trouble from error
        raise


def _in_worker(error: BaseException) -> BaseException:
    """What a function of Beam's raised, where Beam has made another error of it."""
    inner = error.__cause__ or error.__context__
    return _in_worker(inner) if inner and "[while running '" in str(error) else error


def _trouble(error: BaseException, step: str, workspace: Workspace) -> PenstockError | None:
    if isinstance(error, OSError):
        return _of_system(error, step, workspace)
    return _of_tensorflow(error, step)


def _of_system(error: OSError, step: str, workspace: Workspace) -> EnvironmentTrouble | None:
    names = [Path(os.fsdecode(n)) for n in (error.filename2, error.filename) if _is_path(n)]
    places = (workspace.root, workspace.serving_dir)
    inside = next((p for p in places for n in names if n.absolute().is_relative_to(p)), None)
    if error.errno in _FULL | _BARRED and (inside or not is_user_error(error)):
        where = inside or next(iter(names), workspace.root)
        verb = "write to" if error.errno in _FULL else "read or write to"
        return failed_write_error(f"step {step!r} could not {verb} {where}", error)
    unreachable = isinstance(error, ConnectionError | TimeoutError | socket.gaierror)
    if unreachable or error.errno in _UNREACHABLE:
        return EnvironmentTrouble(
            f"step {step!r} could not reach what it connects to",
            got=summarize_error(error),
            follows="nothing was left half written",
            remedy="see that it runs and answers, then run the same command again",
        )
    return None


def _is_path(name: object) -> bool:
    return isinstance(name, str | bytes) and bool(name)


def _of_tensorflow(error: BaseException, step: str) -> PenstockError | None:
    kind = type(error)
    if kind.__module__.partition(".")[0] != "tensorflow":
        return None
    if said := parse_disk_error(str(error)):
        file, why = said
        return EnvironmentTrouble(
            f"step {step!r} could not write to {file}",
            got=why,
            follows="nothing was left half written",
            remedy="free disk space or mend the permissions, then run the same command again",
        )
    if kind.__name__ != "ResourceExhaustedError":
        return None
    return StepError(
        f"step {step!r} is out of memory",
        expected="what it computes fits into the memory of the device",
        got=str(error).splitlines()[0][:200],
        follows="nothing was kept",
        remedy="smaller batches, a smaller model, or a device with more memory",
    )
