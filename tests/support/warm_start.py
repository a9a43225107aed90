"""Start Python programs as forks of a process that has imported the heavy libraries.

Importing TensorFlow, Beam and TensorFlow Model Analysis takes a command 5 to 8 s. A server, a fork
of the process that runs tests before any operation of TensorFlow ran, forks again for each program.
Programs reach it by `penstock` and `python` in a folder that comes first on PATH: each hands its
arguments, environment, folder and standard streams over, forwards signals, and ends as the program
ends. The first command of each kind is started as it is installed, without the server.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import logging
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import traceback
import warnings
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parents[2]
_LIBRARIES = (
    "tensorflow",
    "apache_beam",
    "tensorflow_transform",
    "tensorflow_model_analysis",
    "tensorflow_datasets",
    "matplotlib.figure",
    "sklearn.datasets",
    "sqlalchemy",
)
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

# Without `site`: what a client imports is what it costs.
_CLIENT = """\
#!{python} -IS
import os, sys
python, real, address = {python!r}, {real!r}, {address!r}
(folder, name), words = os.path.split(sys.argv[0]), sys.argv[1:]
if name == "penstock":
    kind = "-".join(words[: 2 if words[:1] in (["schedule"], ["span"]) else 1])
    try:  # the first of its kind
        os.close(os.open(folder + "/first-" + kind, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        words = [real, *words]
    else:
        os.execv(real, [real, *words])
elif not words or words[0].startswith("-") and words[0] not in ("-P", "-m", "-c"):
    os.execv(python, [python, *words])
import json, signal, socket
held = {forwarded!r}
signal.pthread_sigmask(signal.SIG_BLOCK, held)
server = socket.socket(socket.AF_UNIX)
place, socket_name = os.path.split(address)
server.connect("/proc/self/fd/%d/%s" % (os.open(place, os.O_PATH), socket_name))
program = dict(
    words=words, executable=folder + "/python", folder=os.getcwd(), group=os.getpgrp(),
    ignored=[one for one in held if signal.getsignal(one) == signal.SIG_IGN],
    environment=dict(os.environ),
)
text = json.dumps(program).encode()
socket.send_fds(server, [len(text).to_bytes(4, "big")], [0, 1, 2])
server.sendall(text)
child = int.from_bytes(server.recv(4), "big")
def forward(number, frame):
    os.kill(child, number)
for number in held:
    if number not in program["ignored"]:
        signal.signal(number, forward)
signal.pthread_sigmask(signal.SIG_UNBLOCK, held)
code = int.from_bytes(server.recv(4) or os._exit(1), "big", signed=True)
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


def start_server(address: Path) -> None:
    """Fork a server that listens at a path, and lives as long as the session of tests.

    To be called before any operation of TensorFlow, whose threads no fork has.
    """
    listening = socket.socket(socket.AF_UNIX)
    folder = os.open(address.parent, os.O_PATH)  # a socket's own path has at most 107 bytes
    listening.bind(f"/proc/self/fd/{folder}/{address.name}")
    os.close(folder)
    listening.listen(64)
    worker = "PYTEST_XDIST_WORKER" in os.environ  # ends before the session does
    session = os.pidfd_open(os.getppid() if worker else os.getpid())
    if os.fork():
        listening.close()
        os.close(session)
        return
    try:
        _close_all_but(listening.fileno(), session)
        _serve(listening, session)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def write_clients(folder: Path, address: Path) -> None:
    """Write `penstock` and `python` into a folder, to be first on PATH."""
    folder.mkdir()
    text = _CLIENT.format(
        python=sys.executable,
        real=str(Path(sys.executable).with_name("penstock")),
        address=str(address),
        forwarded=[int(one) for one in _FORWARDED],
    )
    for name in ("penstock", "python"):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


def _close_all_but(*kept: int) -> None:
    """Close the descriptors of the tests: an end of their pipes kept open would hide their end."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept:
            with contextlib.suppress(OSError):
                os.close(int(name))


def _serve(listening: socket.socket, session: int) -> None:
    selector = selectors.DefaultSelector()
    selector.register(session, selectors.EVENT_READ, "session")
    selector.register(listening, selectors.EVENT_READ, "client")
    while True:
        for key, _ in selector.select():
            if key.data == "session":
                os._exit(0)
            elif key.data == "client":
                client, _ = listening.accept()
                child = _start(client)
                client.sendall(child.to_bytes(4, "big"))
                selector.register(os.pidfd_open(child), selectors.EVENT_READ, (child, client))
                selector.register(client, selectors.EVENT_READ, child)
            elif isinstance(key.data, tuple):
                child, client = key.data
                _, status = os.waitpid(child, 0)
                selector.unregister(key.fileobj)
                os.close(key.fd)
                with contextlib.suppress(KeyError):
                    selector.unregister(client)
                with contextlib.suppress(OSError):
                    code = os.waitstatus_to_exitcode(status)
                    client.sendall(code.to_bytes(4, "big", signed=True))
                client.close()
            else:  # the client was killed
                selector.unregister(key.fileobj)
                os.kill(key.data, signal.SIGKILL)


def _start(client: socket.socket) -> int:
    """Fork, and run the program that a client names. Returns the child's process id."""
    length, streams, _, _ = socket.recv_fds(client, 4, 3)
    text = b""
    while len(text) < int.from_bytes(length, "big"):
        text += client.recv(1 << 20)
    if any(library not in sys.modules for library in _LIBRARIES):
        for library in _LIBRARIES:
            importlib.import_module(library)
        gc.collect()
        gc.freeze()
    if child := os.fork():
        for stream in streams:
            os.close(stream)
        return child
    code = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, 1 << 16)
        program = json.loads(text)
        _become_fresh(program)
        code = _run(program["words"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            threading._shutdown()  # type: ignore[attr-defined]
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _become_fresh(program: dict[str, Any]) -> None:
    """Make of this process what a new one would be, but for what is imported."""
    ctypes.CDLL(None).prctl(1, 0)  # the server's death is nothing to it
    with contextlib.suppress(OSError):
        os.setpgid(0, program["group"])
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) is not signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in program["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.chdir(program["folder"])
    os.environ.clear()
    os.environ.update(program["environment"])
    sys.executable = program["executable"]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = os.fdopen(number, "r" if number == 0 else "w", closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.stderr.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore
    _log_to_stderr()
    for hook in (sys, threading):
        hook.excepthook = hook.__excepthook__  # type: ignore[attr-defined]
    sys.unraisablehook = sys.__unraisablehook__
    warnings.resetwarnings()
    for category in (PendingDeprecationWarning, ImportWarning, ResourceWarning, DeprecationWarning):
        warnings.simplefilter("ignore", category)
    tests = str(HOME / "tests")
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(
            tests
        ) and module is not sys.modules[__name__]:
            del sys.modules[name]
    outside = os.environ.get("PYTHONPATH", "")
    installed = [p for p in sys.path if p.startswith((sys.prefix, sys.base_prefix))]
    sys.path[:] = [*filter(None, outside.split(os.pathsep)), *installed, str(HOME)]


def _log_to_stderr() -> None:
    """Let loggers write to this process' stderr, and let the program configure the root."""
    logging.root.handlers.clear()
    logging.root.setLevel(logging.WARNING)
    for logger in logging.root.manager.loggerDict.values():
        for handler in getattr(logger, "handlers", ()):
            if type(handler) is logging.StreamHandler:
                handler.setStream(sys.stderr)


def _run(words: list[str]) -> int:
    """Run a program as `python` would by these words."""
    words = list(words)
    safe = words[0] == "-P"
    if safe:
        del words[0]
    if words[0] == "-m":
        sys.argv[:] = words[1:]
        sys.path[:0] = [] if safe else [os.getcwd()]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    elif words[0] == "-c":
        sys.argv[:] = ["-c", *words[2:]]
        sys.path[:0] = [] if safe else [""]
        exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv[:] = words
        sys.path[:0] = [] if safe else [str(Path(words[0]).resolve().parent)]
        runpy.run_path(words[0], run_name="__main__")
    return 0
