"""Imitate Google's storage and Dataflow on a local port, as far as a submission uses them.

Their own client libraries speak to it over HTTP, so only what lies beyond the network is made up.
"""

from __future__ import annotations

import base64
import http.server
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import google_crc32c


class FakeGoogle:
    """What was stored and asked for; a test sets what it answers.

    Attributes:
        objects: "bucket/name" → bytes, everything that was uploaded.
        jobs: id → job as Dataflow's REST API has it.
        messages: the job messages that are handed out.
        counters: name → number, handed out as the job's.
        state: that of a new job.
        away: whether Dataflow answers 403 to every question.
    """

    console = "https://console.cloud.google.com/dataflow/jobs/europe-west6/job-1?project=project"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.messages: list[dict[str, str]] = []
        self.counters: dict[str, int] = {}
        self.away = False
        self.state = "JOB_STATE_RUNNING"
        self.url = ""

    @property
    def flags(self) -> tuple[str, ...]:
        return (
            "--runner=DataflowRunner",
            "--project=project",
            "--region=europe-west6",
            "--temp_location=gs://bucket/tmp",
            "--staging_location=gs://bucket/staging",
            f"--dataflow_endpoint={self.url}",  # at localhost Beam's client speaks REST
        )

    def staged(self) -> dict[str, bytes]:
        """The files uploaded to the staging location: name → bytes."""
        return {
            name.rpartition("/")[2]: content
            for name, content in self.objects.items()
            if name.startswith("bucket/staging/")
        }

    def answer(self, method: str, url: str, body: bytes) -> tuple[int, Any]:
        """Return the status and the JSON answer; for an upload that begins, its address."""
        path, _, query = url.partition("?")
        asked = {key: value[0] for key, value in urllib.parse.parse_qs(query).items()}
        if path.startswith("/v1b3/projects/project/locations/europe-west6/jobs"):
            return self._dataflow(method, path.partition("/jobs")[2].split("/")[1:], body)
        if path.startswith("/upload/storage/v1/b/"):
            if method == "PUT":
                self.objects[asked["name"]] = body
                checksum = base64.b64encode(google_crc32c.Checksum(body).digest()).decode()
                return 200, {"size": str(len(body)), "crc32c": checksum}
            bucket = path.split("/")[5]
            name = urllib.parse.quote(f"{bucket}/{json.loads(body)['name']}", safe="")
            return 200, f"{self.url}{path}?name={name}"
        found = re.fullmatch(r"/storage/v1/b/([^/]+)(?:/o/(.+))?", path)
        if found and not found[2]:
            return 200, {"kind": "storage#bucket", "name": found[1]}
        return 404, {"error": {"code": 404, "message": f"no {path}"}}

    def _dataflow(self, method: str, rest: list[str], body: bytes) -> tuple[int, Any]:
        if self.away:
            return 403, {"error": {"code": 403, "message": "Dataflow API is not enabled"}}
        if not rest:
            job_id = f"job-{len(self.jobs) + 1}"
            self.jobs[job_id] = {
                **json.loads(body),
                "id": job_id,
                "currentState": self.state,
            }
            return 200, self.jobs[job_id]
        if rest[0] not in self.jobs:
            return 404, {"error": {"code": 404, "message": f"no job {rest[0]}"}}
        if rest[1:] == ["messages"]:
            return 200, {"jobMessages": self.messages}
        if rest[1:] == ["metrics"]:
            return 200, {"metrics": list(self._metrics())}
        job = self.jobs[rest[0]]
        if method == "PUT":
            job["currentState"] = json.loads(body)["requestedState"]
        return 200, job

    def _metrics(self) -> Iterator[dict[str, Any]]:
        """Each counter as it is so far and as it counts, as Dataflow tells of them."""
        for name, number in self.counters.items():
            for context in ({"tentative": "true"}, {}):
                yield {
                    "name": {"origin": "user", "name": name, "context": context},
                    "scalar": number,
                }


@contextmanager
def serving(fake: FakeGoogle) -> Iterator[None]:
    """Let `fake` answer on a free local port, its `url`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = fake.answer(self.command, self.path, body)
            self.send_response(status)
            if isinstance(said, str):
                self.send_header("Location", said)
                said = {}
            text = json.dumps(said).encode()
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
