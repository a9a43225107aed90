"""Limit how long TensorFlow Datasets waits for the servers that it downloads from."""

from __future__ import annotations

import contextlib
import functools
import socket
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def limit_server_wait(connect: float, read: float) -> Iterator[None]:
    """Limit how long a download in the block waits; TFDS sets no limit and tries eleven times.

    A connection is tried twice, and a server that reports an error is asked three times; one that
    says nothing is asked once. TFDS's own pauses between its tries take 3.4 minutes together.

    Args:
        connect: seconds until there is a connection.
        read: seconds until the next bytes.
    """
    from requests.adapters import HTTPAdapter
    from requests.packages import urllib3  # type: ignore[attr-defined]

    send, default_timeout = HTTPAdapter.send, socket.getdefaulttimeout()

    @functools.wraps(send)
    def send_with_limits(self: Any, *args: Any, **options: Any) -> Any:
        self.max_retries = urllib3.util.Retry(
            2, connect=1, read=False, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]
        )
        timeout = options.get("timeout") or (connect, read)
        return send(self, *args, **{**options, "timeout": timeout})

    HTTPAdapter.send = send_with_limits  # type: ignore[method-assign]
    socket.setdefaulttimeout(read)  # for FTP
    try:
        yield
    finally:
        HTTPAdapter.send = send  # type: ignore[method-assign]
        socket.setdefaulttimeout(default_timeout)
