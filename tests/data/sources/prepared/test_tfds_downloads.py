"""A server that falls silent in a download is given up."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import requests
from requests.adapters import HTTPAdapter

from data.sources.prepared.tfds_downloads import limit_server_wait


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/mnist"


@pytest.mark.parametrize("given", [{}, {"timeout": None}, {"timeout": 0.2}])
def test_a_server_that_says_nothing_is_given_up(silent: str, given) -> None:
    send, wait = HTTPAdapter.send, socket.getdefaulttimeout()
    with limit_server_wait(0.2, 0.2), requests.Session() as session:
        session.trust_env = False
        with pytest.raises(requests.Timeout):
            session.get(silent, stream=True, **given)
    assert HTTPAdapter.send is send
    assert socket.getdefaulttimeout() == wait
