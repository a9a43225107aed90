"""Notifications to real servers and programs, which answer, fail, hang and use secrets."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from free_ports import free_port
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ConfigError
from pipeline.schedule.notify import event
from pipeline.schedule.notify.deliver import check_target, deliver
from pipeline.schedule.notify.event import Event, Patience

EVENT = Event(
    event="blocked",
    schedule="nightly",
    due=1_800_000_000.0,
    run_id="20270115-080000-mnist-1f2e",
    verdict="failed",
    reason="accuracy overall 0.91, at least 0.97",
    report="/srv/penstock/runs/20270115-080000-mnist-1f2e/report.html",
    root="/srv/penstock",
    text="nightly: the model was not pushed — accuracy overall 0.91",
)
# The bounds are for a machine that hangs; a test of a target that never ends has its own.
LONG = Patience(answer=60.0, pause=0.0, command=60.0, all=120.0)
APPRISE_LONG = "cto=60&rto=60"  # the same in Apprise's words: seconds to connect and to read
KEY = "T0123ABCDsecretsecret9876"
log = logging.getLogger("test.notify")
# Apprise imports it where Python still has it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@dataclass
class Server:
    """Answers each request with the next of `answers`, the last one for ever after."""

    answers: list[int | str]
    bodies: list[dict] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    address: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        self.bodies.append(json.loads(body))
        self.paths.append(request.path)
        self.kinds.append(request.headers["Content-Type"])
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "hang":
            self.over.wait()
        elif answer == "close":
            request.connection.shutdown(socket.SHUT_RDWR)
        elif answer == "drip":  # each byte comes in time, and there is no last one
            request.wfile.write(b"HTTP/1.0 200 OK\r\nX-A: ")
            with contextlib.suppress(OSError):
                while not self.over.wait(0.05):
                    request.wfile.write(b"a")
        elif answer == "endless":
            request.send_response(200)
            request.end_headers()
            with contextlib.suppress(OSError):
                while not self.over.wait(0.01):
                    request.wfile.write(b"a" * 1000)
        elif answer == "garbage":
            request.wfile.write(b"HTTP/1.0 200 OK\r\n" + b"no header at all\r\n\r\n")
        else:
            request.send_response(answer)
            if 300 <= answer < 400:
                request.send_header("Location", f"{self.address}/elsewhere")
            request.end_headers()


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with contextlib.ExitStack() as stack:

        def start(*answers: int | str) -> Server:
            told = Server(list(answers))

            class Handler(BaseHTTPRequestHandler):
                def do_POST(self) -> None:
                    told.answer(self)

                def log_message(self, *_: object) -> None:
                    pass

            http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            http.daemon_threads = True
            told.address = f"http://127.0.0.1:{http.server_port}"
            thread = threading.Thread(target=http.serve_forever, args=(0.02,))
            thread.start()
            stack.callback(http.server_close)
            stack.callback(thread.join)
            stack.callback(http.shutdown)
            stack.callback(told.over.set)
            return told

        yield start


def told(*targets: str, patience: Patience = LONG) -> list[event.Delivery]:
    return deliver(EVENT, targets, log=log, patience=patience)


def program(folder: Path, script: str) -> str:
    path = folder / "tell"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_webhook_gets_the_event_as_json(serving):
    server = serving(200)
    (delivery,) = told(f"webhook={server.address}/hook")
    assert (delivery.ok, delivery.tries, delivery.error) == (True, 1, None)
    assert server.kinds == ["application/json"]
    assert server.bodies == [
        {**dataclasses.asdict(EVENT), "due": "2027-01-15T08:00:00+00:00"},
    ]


@pytest.mark.parametrize("code", [500, 502, 503, 429, 408])
def test_an_answer_that_may_pass_is_asked_for_again(serving, code):
    server = serving(code, 200)
    (delivery,) = told(f"webhook={server.address}")
    assert (delivery.ok, delivery.tries) == (True, 2)


@pytest.mark.parametrize("code", [400, 401, 404, 410, 302, 307])
def test_an_answer_that_will_not_change_is_final(serving, code):
    server = serving(code)
    (delivery,) = told(f"webhook={server.address}")
    assert (delivery.ok, delivery.tries) == (False, 1)
    assert delivery.error == f"answered {code}"
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (500, "answered 500"),
        ("close", "no connection: RemoteDisconnected"),
    ],
)
def test_a_broken_server_is_tried_three_times_and_said(serving, answer, error):
    server = serving(answer)
    (delivery,) = told(f"webhook={server.address}")
    assert (delivery.ok, delivery.tries, delivery.error) == (False, 3, error)
    assert len(server.bodies) == 3


def test_a_server_that_does_not_answer_is_tried_three_times_and_said(serving, wait_until):
    server, patience = serving("hang"), dataclasses.replace(LONG, answer=0.3)
    (delivery,) = told(f"webhook={server.address}", patience=patience)
    assert (delivery.ok, delivery.tries) == (False, 3)
    assert delivery.error == "no answer within 0.3 s"
    wait_until(lambda: len(server.bodies) == 3)  # it may read later than it was left


def test_nobody_listens():
    (delivery,) = told(f"webhook=http://127.0.0.1:{free_port()}")
    assert (delivery.ok, delivery.tries) == (False, 3)
    assert delivery.error == "no connection: Connection refused"


def test_a_name_that_nobody_has():
    (delivery,) = told("webhook=http://nobody.invalid/x")
    assert not delivery.ok
    assert delivery.error.startswith("no connection: ")
    assert "/x" not in delivery.error


def test_an_answer_without_end_is_taken_by_its_status(serving):
    server = serving("endless")
    (delivery,) = told(f"webhook={server.address}")
    assert delivery.ok


def test_a_server_that_drips_is_left_and_holds_nobody_up(serving, monkeypatch):
    slow, quick = serving("drip"), serving(200)
    start, while_slow_drips, while_quick_answers = 0.0, LONG.all, 0.0
    clock = iter([start, while_slow_drips, while_quick_answers])
    time = SimpleNamespace(monotonic=lambda: next(clock))
    monkeypatch.setattr("pipeline.schedule.notify.deliver.time", time)
    first, second = told(f"webhook={slow.address}", f"webhook={quick.address}")
    assert first.error == "took longer than 120 s, and was abandoned"
    assert second.ok


def test_a_command_gets_the_event_on_stdin_and_its_own_arguments(tmp_path):
    path = program(tmp_path, f'cat > {tmp_path}/event.json; printf %s "$2" > {tmp_path}/second')
    (delivery,) = told(f"command={path} --to 'a b; $HOME'")
    assert delivery == event.Delivery(f"command={path}", True, 1, None)
    assert json.loads((tmp_path / "event.json").read_text())["reason"] == EVENT.reason
    assert (tmp_path / "second").read_text() == "a b; $HOME"  # no shell read it


@pytest.mark.parametrize(
    ("script", "error"),
    [("exit 3", "ended with exit code 3"), ("kill -9 $$", "ended with exit code -9")],
)
def test_a_command_that_fails(tmp_path, script, error):
    (delivery,) = told(f"command={program(tmp_path, script)}")
    assert (delivery.ok, delivery.error) == (False, error)


def test_a_command_that_hangs_is_killed(tmp_path):
    hangs = program(tmp_path, "exec 0<&-; sleep 600 & wait")
    (delivery,) = told(f"command={hangs}", patience=dataclasses.replace(LONG, command=0.5))
    assert (delivery.ok, delivery.error) == (False, "took longer than 0.5 s, and was killed")


def test_a_command_that_went_away_since(tmp_path):
    path = program(tmp_path, "true")
    os.remove(path)
    (delivery,) = told(f"command={path}")
    assert (delivery.ok, delivery.tries) == (False, 0)
    assert path in delivery.error


def test_apprise_reaches_a_real_server(serving, monkeypatch):
    server = serving(200)
    address = server.address.replace("http://", "json://")
    monkeypatch.setenv("CHAT", f"{address}/{KEY}?{APPRISE_LONG}")
    assert told("apprise=env:CHAT") == [event.Delivery("apprise=env:CHAT", True, 1, None)]
    assert server.bodies[0]["title"] == "nightly: blocked"
    assert server.bodies[0]["message"] == EVENT.text


@pytest.mark.parametrize("where", ["env", "file"])
@pytest.mark.parametrize("kind", ["webhook", "apprise"])
@pytest.mark.parametrize("answer", [200, 404, 500, "close", "garbage"])
def test_a_secret_is_used_and_never_shown(
    serving, monkeypatch, tmp_path, caplog, where, kind, answer
):
    server = serving(answer)
    caplog.set_level(logging.DEBUG)
    url = f"{server.address}/hook/{KEY}?token={KEY}"
    if kind == "apprise":
        url = f"{url.replace('http://', 'json://')}&{APPRISE_LONG}"
    (tmp_path / "url").write_text(f"{url}\n")
    monkeypatch.setenv("SECRET_URL", url)
    target = f"{kind}=env:SECRET_URL" if where == "env" else f"{kind}=file:{tmp_path}/url"
    (delivery,) = told(target)
    assert KEY in server.paths[0]
    assert delivery.target == target
    assert delivery.ok == (answer in (200, "garbage"))
    assert KEY not in f"{caplog.text} {delivery}"


@pytest.mark.parametrize(
    "target",
    [
        "webhook=env:NOT_SET",
        "webhook=file:/no/such/file",
        "apprise=env:NOT_SET",
        "nothing",
        "webhook=",
        "command=",
        "command='",
        "webhook=http://[",
        f"webhook=https://ann:{KEY}@host/",
        f"apprise=slack://{KEY}",
        "",
    ],
)
def test_an_invalid_target_is_reported_and_does_not_raise(target, caplog):
    (delivery,) = told(target)
    assert (delivery.ok, delivery.tries) == (False, 0)
    assert KEY not in f"{caplog.text} {delivery}"


def test_what_a_variable_holds_is_not_repeated(monkeypatch):
    monkeypatch.setenv("HOOK", f"ftp://{KEY}")
    monkeypatch.setenv("CHAT", KEY)
    deliveries = told("webhook=env:HOOK", "apprise=env:CHAT")
    assert not any(delivery.ok for delivery in deliveries)
    assert KEY not in str(deliveries)


def test_each_delivery_is_logged(serving, caplog):
    caplog.set_level(logging.INFO)
    server = serving(200)
    told(f"webhook={server.address}/a", "webhook=env:NOT_SET")
    assert [record.levelname for record in caplog.records] == ["INFO", "ERROR"]
    assert "the variable NOT_SET is not set" in caplog.text


@pytest.mark.parametrize(
    "target",
    [
        "webhook=https://monitor.example.org/penstock?team=vision",
        "webhook=https://monitor.example.org/hooks/penstock-nightly-retraining-2026",
        "webhook=http://127.0.0.1:8080/",
        "webhook=env:HOOK",
        "webhook=file:/run/secrets/hook",
        "apprise=env:CHAT",
        "command=/bin/sh -c 'cat >> /dev/null'",
    ],
)
def test_valid_targets(target):
    check_target(target)


@pytest.mark.parametrize(
    ("target", "says"),
    [
        (f"webhook=https://ann:{KEY}@host/x", "webhook=env:VARIABLE"),
        (f"webhook=https://hooks.slack.com/services/T0/B0/{KEY}", "webhook=env:VARIABLE"),
        (f"webhook=https://host/x?v={KEY}", "webhook=file:/PATH"),
        ("webhook=https://host/x?api_token=a", "a key"),
        ("webhook=https://host/6f1c2c1e-0c5d-4c1b-9a55-1d3c4e5f6a7b", "a key"),
        (f"command=/bin/sh --token={KEY}", "a key"),
        (f"apprise=slack://{KEY}/a/b", "apprise=env:VARIABLE"),
        (f"command=/bin/sh https://ann:{KEY}@host", "environment or from a file"),
        ("webhook=ftp://host", "http://… or https://…"),
        ("webhook=https://", "http://… or https://…"),
        ("webhook=https://host:port/", "http://… or https://…"),
        ("webhook=env:A B", "letters, digits and _"),
        ("webhook=file:hook", "an absolute path"),
        ("command=sh -c true", "absolute path"),
        ("command=/no/such/program", "executable"),
        ("command=/etc/passwd", "executable"),
        ("command=/bin/sh '", "close the quotes"),
        ("mail=ann@example.org", "apprise=env:VARIABLE"),
        ("ann@example.org", "without `=`"),
        ("webhook=", "webhook=URL"),
    ],
)
def test_invalid_targets(target, says):
    with pytest.raises(ConfigError) as caught:
        check_target(target)
    assert says in str(caught.value)
    assert KEY not in str(caught.value)


@given(
    st.sampled_from(
        ["command=", "webhook=", "webhook=env:", "apprise=file:", "webhook=http://", ""]
    ),
    st.text(max_size=30),
)
def test_any_text_is_a_target_or_is_refused(kind, text):
    with contextlib.suppress(ConfigError):
        check_target(f"{kind}{text}")


def test_an_unknown_event_is_refused():
    with pytest.raises(ValueError, match="burned"):
        dataclasses.replace(EVENT, event="burned")
