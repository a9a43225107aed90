"""Tell the one who is to know: by a command, a webhook, or a chat or mail that Apprise reaches."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from data.errors import PenstockError
from pipeline.schedule.notify.event import Delivery, Event, Patience
from pipeline.schedule.notify.targets import Target, parse


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
    patience: Patience | None = None,
) -> list[Delivery]:
    """Tell all targets, side by side. Never raises, and takes no longer than `patience.all`.

    Each delivery is logged: what was told as info, what was not as an error.
    """
    patience = patience or Patience()
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
    from pipeline.schedule.notify.channels import CHANNELS
    from pipeline.schedule.notify.event import Refused

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
