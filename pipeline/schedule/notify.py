"""Tell the one who is to know: by a command, a webhook, or a chat or mail that Apprise reaches."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from data.errors import PenstockError
from pipeline.schedule.targets import Target, parse

EVENTS = ("pushed", "blocked", "failed", "paused", "stale", "span unreadable", "recovered")


@dataclass(frozen=True, kw_only=True)
class Event:
    """What somebody is told.

    Args:
        event: one of `EVENTS`.
        due: epoch seconds of the tick; None where it is of no tick.
        run_id: the run, where there was one.
        verdict: its verdict: passed, failed, not configured.
        reason: why, in words.
        report: path of the run's report.
        root: path of the root.
        text: all of it, for a person.
    """

    event: str
    schedule: str
    due: float | None = None
    run_id: str | None = None
    verdict: str | None = None
    reason: str | None = None
    report: str | None = None
    root: str
    text: str

    def __post_init__(self) -> None:
        if self.event not in EVENTS:
            raise ValueError(f"{self.event!r} is none of {EVENTS}")

    def as_json(self) -> str:
        """One JSON object with the names of the fields; `due` is ISO 8601 in UTC."""
        due = None if self.due is None else datetime.fromtimestamp(self.due, UTC).isoformat()
        values: dict[str, Any] = {**asdict(self), "due": due}
        return json.dumps(values, ensure_ascii=True)


@dataclass(frozen=True)
class Delivery:
    """What became of telling one target.

    Args:
        target: without any secret.
        tries: how often it was tried.
        error: why it was not told; None if it was.
    """

    target: str
    ok: bool
    tries: int
    error: str | None = None


@dataclass(frozen=True)
class Patience:
    """How long a target may take; seconds.

    Args:
        tries: of a webhook.
        answer: for one answer of a webhook.
        pause: before the second try; twice as long before the third.
        command: for a command, which is then killed with all that it started.
        all: for all targets together, which are told side by side.
    """

    tries: int = 3
    answer: float = 10.0
    pause: float = 1.0
    command: float = 30.0
    all: float = 60.0


def check_target(text: str) -> None:
    """Whether somebody can be told so; nothing is sent.

    Args:
        text: `command=/path ARGS`, `webhook=URL`, or `webhook=` or `apprise=` with `env:VARIABLE`
            or `file:/path`, which are read when something is sent.

    Raises:
        ConfigError: it is no target, or it holds a secret, which would be kept in the ledger.
    """
    parse(text)


def deliver(
    event: Event,
    targets: Sequence[str],
    *,
    log: logging.Logger,
    patience: Patience = Patience(),
) -> list[Delivery]:
    """Tell all targets, side by side. Never raises, and takes no longer than `patience.all`.

    Each delivery is logged: what was told as info, what was not as an error.
    """
    done: dict[int, Delivery] = {}

    def tell(number: int) -> None:
        done[number] = _tell(event, targets[number], patience)

    # Not an executor: at exit it would wait for a thread that a target holds up.
    threads = [
        threading.Thread(target=tell, args=(number,), daemon=True) for number in range(len(targets))
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + patience.all
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    late = f"took longer than {patience.all:g} s, and was left"
    deliveries = [
        done.get(number) or Delivery(_shown(text), False, 1, late)
        for number, text in enumerate(targets)
    ]
    for delivery in deliveries:
        _log(log, event, delivery)
    return deliveries


def _tell(event: Event, text: str, patience: Patience) -> Delivery:
    from pipeline.schedule.channels import CHANNELS, Refused

    shown = _shown(text)
    try:
        target = parse(text)
        return Delivery(shown, True, CHANNELS[target.kind](target, event, patience))
    except Refused as error:
        return Delivery(shown, False, error.tries, error.why)
    except PenstockError as error:
        return Delivery(shown, False, 0, error.what)
    except Exception as error:  # its words may hold the address
        return Delivery(shown, False, 1, type(error).__name__)


def _shown(text: str) -> str:
    """The target without a secret, even if it is no target."""
    kind, _, value = text.partition("=")
    try:
        return Target(kind, value).shown
    except (ValueError, IndexError):
        return f"{kind[:20]}=…"


def _log(log: logging.Logger, event: Event, delivery: Delivery) -> None:
    if delivery.ok:
        log.info("%s: %s; told %s", event.schedule, event.event, delivery.target)
    else:
        log.error(
            "%s: %s; could not tell %s (tries: %d): %s",
            event.schedule,
            event.event,
            delivery.target,
            delivery.tries,
            delivery.error,
        )
