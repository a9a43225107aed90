"""Choose ports for the servers of tests."""

from __future__ import annotations

import itertools
import os
import socket

# The kernel gives ports from 32768 on to whoever asks for any port. A port of those could be given
# away until its server listens; gRPC's servers in Python then share it, without an error, and
# callers reach either.
_FIRST, _END = 20_000, 32_768
_EACH = 64  # ports in a row for each process, so that processes side by side choose others
_numbers = itertools.count((os.getpid() * _EACH) % (_END - _FIRST))


def free_port() -> int:
    """Return a port on which nobody listens, another one in each call."""
    for number in itertools.islice(_numbers, _END - _FIRST):
        port = _FIRST + number % (_END - _FIRST)
        try:
            socket.create_server(("", port), reuse_port=False).close()
        except OSError:
            continue
        return port
    raise RuntimeError(f"no port from {_FIRST} to {_END - 1} is free")
