"""The ways to tell a target: each returns how often it tried, or raises `Refused`."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.schedule.notify.event import Refused
from pipeline.schedule.notify.targets import Target

if TYPE_CHECKING:
    from pipeline.schedule.notify.event import Event, Patience


_AGAIN = (408, 429)  # besides 5xx: the answers that can be others a second later


class _TryAgain(Exception):
    """This may pass."""


def command(target: Target, event: Event, patience: Patience) -> int:
    """Run a program with the event as JSON on its stdin. What it prints is not kept."""
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
            raise Refused(f"cannot be started: {error.strerror}") from None
        try:
            code = process.wait(patience.command)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and all that it started
            process.wait()
            raise Refused(f"took longer than {patience.command:g} s, and was killed") from None
    if code:
        raise Refused(f"ended with exit code {code}")
    return 1


def webhook(target: Target, event: Event, patience: Patience) -> int:
    """POST the event as JSON; again where that can help, and never along a redirection."""
    import tenacity

    _quieten()
    url = target.url()
    again = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(patience.tries),
        wait=tenacity.wait_exponential(multiplier=patience.pause, max=patience.answer),
        retry=tenacity.retry_if_exception_type(_TryAgain),
        reraise=True,
    )
    try:
        again(_post, url, event.as_json(), patience.answer)
    except (_TryAgain, Refused) as error:
        raise Refused(str(error), again.statistics["attempt_number"]) from None
    return int(again.statistics["attempt_number"])


def _post(url: str, body: str, seconds: float) -> None:
    import requests

    try:
        with requests.post(
            url,
            data=body,
            headers={"Content-Type": "application/json", "User-Agent": "penstock"},
            timeout=seconds,
            allow_redirects=False,
            stream=True,  # the answer's status is all that counts; its body may have no end
        ) as answer:
            status = answer.status_code
    except requests.Timeout:
        raise _TryAgain(f"no answer within {seconds:g} s") from None
    except requests.ConnectionError as error:
        raise _TryAgain(f"no connection: {_innermost(error)}") from None
    except requests.RequestException as error:
        raise Refused(type(error).__name__) from None
    if status >= 500 or status in _AGAIN:
        raise _TryAgain(f"answered {status}")
    if not 200 <= status < 300:
        raise Refused(f"answered {status}")


def _innermost(error: BaseException) -> str:
    """What the system said, or else the kind of error; the words around it hold the address."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return getattr(error, "strerror", None) or type(error).__name__


def apprise(target: Target, event: Event, patience: Patience) -> int:
    """By Apprise, which knows chats, mail and more than a hundred services."""
    import apprise as library

    _quieten()
    told = library.Apprise()
    if not told.add(target.url()):
        raise Refused("what is kept there is no URL that Apprise knows")
    if not told.notify(title=f"{event.schedule}: {event.event}", body=event.text):
        raise Refused("Apprise could not tell it")
    return 1


def _quieten() -> None:
    """These write whole addresses into the log, with the secrets in them."""
    for name in ("apprise", "urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


CHANNELS: dict[str, Callable[[Target, Event, Patience], int]] = {
    "command": command,
    "webhook": webhook,
    "apprise": apprise,
}
