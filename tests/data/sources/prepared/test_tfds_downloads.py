"""A dataset that cannot be downloaded is given up soon, and the error says what to do."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import requests
import tfds_sets
from requests.adapters import HTTPAdapter

from data.base import waits
from data.errors import EnvironmentTrouble
from data.sources import SourceConfig, make_source
from data.sources.prepared import tfds_bucket
from data.sources.prepared.tfds_downloads import limit_server_wait

# TFDS reads its JSON files by a way that protobuf is about to end.
pytestmark = pytest.mark.filterwarnings(r"ignore:label\(\) is deprecated:DeprecationWarning")


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("DOWNLOAD", "DOWNLOAD_START"):
        monkeypatch.setitem(waits.SECONDS, name, 0.2)


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/mnist"


@pytest.fixture
def black_hole() -> Iterator[str]:
    """The URL of a server that does not even answer a request for a connection."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # more than the queue holds
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}/mnist"


@pytest.fixture
def refused() -> str:
    """The URL of a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/mnist"


@pytest.fixture
def failing() -> Iterator[str]:
    """The URL of a server that always reports an error of its own."""
    with serve({}, status=503) as url:
        yield f"{url}/mnist"


@pytest.mark.parametrize("given", [{}, {"timeout": None}, {"timeout": 0.2}])
def test_a_server_that_says_nothing_is_given_up(silent: str, given) -> None:
    send, wait = HTTPAdapter.send, socket.getdefaulttimeout()
    with (
        limit_server_wait(0.2, 0.2),
        requests.Session() as session,
        pytest.raises(requests.Timeout),
    ):
        session.get(silent, stream=True, **given)
    assert HTTPAdapter.send is send
    assert socket.getdefaulttimeout() == wait


@pytest.mark.parametrize("server", ["silent", "black_hole", "refused", "failing"])
def test_a_dataset_that_cannot_be_downloaded(server, request, tmp_path, monkeypatch) -> None:
    """With TFDS's own limits each of these takes minutes, or for ever."""
    monkeypatch.setattr(tfds_sets.Nowhere, "URL", request.getfixturevalue(server))
    source = make_source("tfds", SourceConfig(name="nowhere", data_dir=str(tmp_path)))
    with pytest.raises(EnvironmentTrouble, match="could not be prepared") as caught:
        source.prepare()
    assert "set ingest.data_dir" in str(caught.value.remedy)
    assert not (tmp_path / "nowhere" / "1.0.0").exists()


def test_files_that_a_person_must_download(tmp_path: Path) -> None:
    source = make_source("tfds", SourceConfig(name="by_hand", data_dir=str(tmp_path)))
    with pytest.raises(EnvironmentTrouble) as caught:
        source.prepare()
    assert str(caught.value.remedy) == (
        f"put the files that TFDS cannot download into {tmp_path}/downloads/manual: "
        "Sign the form at example.org, then fetch photos.zip"
    )
    (tmp_path / "downloads" / "manual").mkdir(parents=True)
    (tmp_path / "downloads" / "manual" / "photos.zip").touch()
    source.prepare()
    assert len(source.list_parts()) == 2


class serve:
    """Serve files as Google's store does: a listing of names, and each by its name."""

    def __init__(self, files: dict[str, bytes], status: int = 200) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(url.query).items()}
                name = unquote(url.path.rpartition("/")[2])
                content = files.get(name, b"")
                if "prefix" in query:  # one name on each page
                    names = sorted(n for n in files if n.startswith(query["prefix"]))
                    page = int(query.get("pageToken", 0))
                    listing = {"items": [item(n) for n in names[page : page + 1]]}
                    if page + 1 < len(names):
                        listing["nextPageToken"] = str(page + 1)
                    content = json.dumps(listing if names else {}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: object) -> None:
                pass

        def item(name: str) -> dict[str, str]:
            original = files[name].removesuffix(b"damaged")
            return {
                "name": name,
                "md5Hash": base64.b64encode(hashlib.md5(original).digest()).decode(),
            }

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def in_bucket(photos: Path) -> dict[str, bytes]:
    """The files of the photographs, under the names that they have in the bucket."""
    return {f"datasets/nowhere/1.0.0/{file.name}": file.read_bytes() for file in photos.iterdir()}


def copy(files: dict[str, bytes], data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    source = make_source("tfds", SourceConfig(name="nowhere", data_dir=str(data_dir), try_gcs=True))
    with serve(files) as url:
        monkeypatch.setattr(tfds_bucket, "BUCKET", url)
        source.prepare()
    return source


def test_a_dataset_is_copied_from_the_bucket(in_bucket, photos, tmp_path, monkeypatch) -> None:
    copy(in_bucket, tmp_path, monkeypatch)
    folder = tmp_path / "nowhere" / "1.0.0"
    assert {f.name: f.read_bytes() for f in folder.iterdir()} == {
        f.name: f.read_bytes() for f in photos.iterdir()
    }
    copy({}, tmp_path, monkeypatch)  # it is there, and nobody is asked


def test_what_is_not_in_the_bucket_is_downloaded_from_its_own_server(
    in_bucket, tmp_path, monkeypatch
) -> None:
    with pytest.raises(EnvironmentTrouble, match="could not be prepared") as caught:
        copy({"datasets/other/1.0.0/dataset_info.json": b""}, tmp_path, monkeypatch)
    assert "127.0.0.1:1" in str(caught.value) or "port=1" in str(caught.value)


def test_a_damaged_copy_leaves_nothing(in_bucket, tmp_path, monkeypatch) -> None:
    in_bucket["datasets/nowhere/1.0.0/features.json"] += b"damaged"
    with pytest.raises(EnvironmentTrouble, match=r"features\.json arrived damaged"):
        copy(in_bucket, tmp_path, monkeypatch)
    assert list((tmp_path / "nowhere").iterdir()) == []


def test_a_bucket_that_cannot_be_reached(refused, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tfds_bucket, "BUCKET", refused)
    source = make_source("tfds", SourceConfig(name="nowhere", data_dir=str(tmp_path), try_gcs=True))
    with pytest.raises(EnvironmentTrouble, match="could not be prepared") as caught:
        source.prepare()
    assert "remove ingest.try_gcs" in str(caught.value.remedy)
    assert refused.removesuffix("/mnist").rpartition(":")[2] in str(caught.value)
