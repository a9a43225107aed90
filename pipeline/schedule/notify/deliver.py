"""Delivers an event to all targets at once, within a time limit."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from data.errors import PenstockError
from pipeline.schedule.notify.event import Delivery, Event, Patience
from pipeline.schedule.notify.targets import Target, parse_target


def check_target(text: str) -> None:
    """Check a notification target; nothing is sent.

    Args:
        text: `command=/path ARGS`, `webhook=URL`, or `webhook=` or `apprise=` with `env:VARIABLE`
            or `file:/path`, which are read when something is sent.

    Raises:
        ConfigError: the target is invalid, or contains a secret, which the ledger would keep.
    """
    parse_target(text)


def deliver(
    event: Event,
    targets: Sequence[str],
    *,
    log: logging.Logger,
    patience: Patience | None = None,
) -> list[Delivery]:
    """Notify all targets in parallel. Never raises, and takes no longer than `patience.all`.

    Each delivery is logged: as info if it succeeded, else as an error.
    """
    patience = patience or Patience()
    deliveries: dict[int, Delivery] = {}

    def deliver_one(number: int) -> None:
        deliveries[number] = _deliver(event, targets[number], patience)

    # No executor, which would wait at exit for a thread whose target does not answer.
    threads = [
        threading.Thread(target=deliver_one, args=(number,), daemon=True)
        for number in range(len(targets))
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + patience.all
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    late = f"took longer than {patience.all:g} s, and was abandoned"
    results = [
        deliveries.get(number) or Delivery(_redacted(text), False, 1, late)
        for number, text in enumerate(targets)
    ]
    for delivery in results:
        _log(log, event, delivery)
    return results


def _deliver(event: Event, text: str, patience: Patience) -> Delivery:
    from pipeline.schedule.notify.channels import CHANNELS
    from pipeline.schedule.notify.event import NotDelivered

    shown = _redacted(text)
    try:
        target = parse_target(text)
        return Delivery(shown, True, CHANNELS[target.kind](target, event, patience))
    except NotDelivered as error:
        return Delivery(shown, False, error.tries, error.why)
    except PenstockError as error:
        return Delivery(shown, False, 0, error.what)
    except Exception as error:  # its message may contain the address
        return Delivery(shown, False, 1, type(error).__name__)


def _redacted(text: str) -> str:
    """The target without a secret, also of a target that is invalid."""
    kind, _, value = text.partition("=")
    try:
        return Target(kind, value).shown
    except (ValueError, IndexError):
        return f"{kind[:20]}=…"


def _log(log: logging.Logger, event: Event, delivery: Delivery) -> None:
    if delivery.ok:
        log.info("%s: %s; notified %s", event.schedule, event.event, delivery.target)
    else:
        log.error(
            "%s: %s; could not notify %s (tries: %d): %s",
            event.schedule,
            event.event,
            delivery.target,
            delivery.tries,
            delivery.error,
        )
