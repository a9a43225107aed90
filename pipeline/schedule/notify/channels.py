"""Sends an event to a target; a channel returns its number of tries or raises `NotDelivered`."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.schedule.notify.event import NotDelivered
from pipeline.schedule.notify.targets import Target

if TYPE_CHECKING:
    from pipeline.schedule.notify.event import Event, Patience


_TEMPORARY = (408, 429)  # the status codes, besides 5xx, after which another try can succeed


class _Temporary(Exception):
    """A failure that a later try may not meet."""


def run_command(target: Target, event: Event, patience: Patience) -> int:
    """Run a program with the event as JSON on its stdin; its output is discarded."""
    with tempfile.TemporaryFile() as stdin:  # a pipe would block if the program does not read it
        stdin.write(event.as_json().encode() + b"\n")
        stdin.seek(0)
        try:
            process = subprocess.Popen(
                target.argv,
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise NotDelivered(f"cannot be started: {error.strerror}") from None
        try:
            code = process.wait(patience.command)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and all that it started
            process.wait()
            raise NotDelivered(f"took longer than {patience.command:g} s, and was killed") from None
    if code:
        raise NotDelivered(f"ended with exit code {code}")
    return 1


def post_webhook(target: Target, event: Event, patience: Patience) -> int:
    """POST the event as JSON; retry temporary failures, and follow no redirection."""
    import tenacity

    _silence_loggers()
    url = target.url()
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(patience.tries),
        wait=tenacity.wait_exponential(multiplier=patience.pause, max=patience.answer),
        retry=tenacity.retry_if_exception_type(_Temporary),
        reraise=True,
    )
    try:
        retrying(_post, url, event.as_json(), patience.answer)
    except (_Temporary, NotDelivered) as error:
        raise NotDelivered(str(error), retrying.statistics["attempt_number"]) from None
    return int(retrying.statistics["attempt_number"])


def _post(url: str, body: str, seconds: float) -> None:
    import requests

    try:
        with requests.post(
            url,
            data=body,
            headers={"Content-Type": "application/json", "User-Agent": "penstock"},
            timeout=seconds,
            allow_redirects=False,
            stream=True,  # only the status is read; the body may have no end
        ) as answer:
            status = answer.status_code
    except requests.Timeout:
        raise _Temporary(f"no answer within {seconds:g} s") from None
    except requests.ConnectionError as error:
        raise _Temporary(f"no connection: {_root_cause(error)}") from None
    except requests.RequestException as error:
        raise NotDelivered(type(error).__name__) from None
    if status >= 500 or status in _TEMPORARY:
        raise _Temporary(f"answered {status}")
    if not 200 <= status < 300:
        raise NotDelivered(f"answered {status}")


def _root_cause(error: BaseException) -> str:
    """The operating system's message, or the error's type; outer messages contain the address."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return getattr(error, "strerror", None) or type(error).__name__


def send_apprise(target: Target, event: Event, patience: Patience) -> int:
    """Send the event by Apprise, which reaches chats, mail and more than a hundred services."""
    import apprise as library

    _silence_loggers()
    service = library.Apprise()
    if not service.add(target.url()):
        raise NotDelivered("invalid Apprise URL")
    if not service.notify(title=f"{event.schedule}: {event.event}", body=event.text):
        raise NotDelivered("Apprise could not deliver it")
    return 1


def _silence_loggers() -> None:
    """Silence libraries that log whole addresses, with their secrets."""
    for name in ("apprise", "urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


CHANNELS: dict[str, Callable[[Target, Event, Patience], int]] = {
    "command": run_command,
    "webhook": post_webhook,
    "apprise": send_apprise,
}
