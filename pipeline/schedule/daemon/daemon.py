"""Runs the daemon: launches due ticks, waits, supervises child processes, and shuts down."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

from data.errors import EnvironmentTrouble
from pipeline import exit_codes
from pipeline.schedule.daemon.launcher import ProcessLauncher, log_path
from pipeline.schedule.daemon.scheduler import Look, Scheduler
from pipeline.schedule.daemon.signals import Signals
from pipeline.schedule.ledger.heartbeats import Watch
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Notice, Tick, is_failure

BEAT = 10.0  # seconds between two heartbeats
_POLL = 1.0  # seconds between two passes; other processes may change the ledger
_LONGEST = 30.0  # seconds between two tries while the ledger cannot be used
_PATIENCE = 3.0  # seconds to wait for the ledger's lock, during which SIGTERM has no effect
_SHUT_DOWN_WITHIN = 25.0  # seconds for children to end after SIGTERM
_NOTIFY_WITHIN = 5.0  # seconds for pending notifications after that

_log = logging.getLogger("penstock.schedule")


def ignore_notice(notice: Notice) -> None:
    """Notify nobody; the log has the notice."""


class Daemon:
    """Works on the schedules of a root until a signal ends it.

    Args:
        root: of the schedules; absolute.
        launcher: starts a process for each tick.
        clock: seconds since the epoch.
        notify: is called, in a thread, with each notice.
        at_once: maximum number of child processes.
        until: launch nothing that is due later, in seconds since the epoch, and end when all due
            ticks have ended; None: run for ever.

    Raises:
        EnvironmentTrouble: the ledger cannot be opened.
    """

    def __init__(
        self,
        root: Path,
        launcher: ProcessLauncher,
        *,
        clock: Callable[[], float] = time.time,
        notify: Callable[[Notice], None] = ignore_notice,
        at_once: int = 2,
        until: float | None = None,
    ) -> None:
        self._root = root
        self._launcher = launcher
        self._clock = clock
        self._until = until
        self._store = ScheduleStore(root, patience=_PATIENCE)
        self._watch = Watch(root, patience=_PATIENCE)
        self._notify = notify
        self._notifier = ThreadPoolExecutor(1)
        self._notifications: list[Future[None]] = []
        self._scheduler = Scheduler(
            self._store, self._watch, launcher, clock=clock, notify=self._submit, at_once=at_once
        )
        self._id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
        self._beaten: float | None = None
        self._ended: list[tuple[Tick, int]] = []
        self._trouble: str | None = None
        self._pause = _POLL
        self._failed = False

    def run(self) -> int:
        """Run until the end. Returns the exit code; with `until`, 7 if a tick failed."""
        _log.info("daemon %s looks after %s", self._id, self._root)
        with Signals() as signals:
            while not signals.asked:
                began = self._clock()  # what falls due during a pass is for the next pass
                look = self._look()
                if self._is_done(look, began):
                    break
                signals.wait(self._until_next(look))
            killed = self._shut_down(signals) if signals.asked else False
        self._finish_notifications()
        _log.info("daemon %s ends", self._id)
        if killed:
            return exit_codes.INTERRUPTED
        return exit_codes.SCHEDULE_ALARM if self._failed and not signals.asked else exit_codes.DONE

    def _look(self) -> Look | None:
        """Make one pass; None after an error, such as of the ledger: the next pass tries again."""
        try:
            self._ended += self._launcher.ended()
            look = self._scheduler.look(self._until)
            self._report_ended()
            self._beat()
        except Exception as error:  # a bug must not end the daemon
            self._log_trouble(error)
            return None
        if self._trouble:
            _log.info("ticks are launched again")
        self._trouble, self._pause = None, _POLL
        return look

    def _log_trouble(self, error: Exception) -> None:
        if str(error) != self._trouble:
            bug = None if isinstance(error, EnvironmentTrouble) else error
            _log.error("no ticks are launched for now, trying again: %s", error, exc_info=bug)
        self._trouble = str(error)
        self._pause = min(2 * self._pause, _LONGEST)

    def _is_done(self, look: Look | None, began: float) -> bool:
        if self._until is None or look is None or look.unfinished:
            return False
        return began >= self._until and not self._launcher.children()

    def _until_next(self, look: Look | None) -> float:
        if look is None:
            return self._pause
        ends = [time for time in (look.next_due, self._until) if time is not None]
        coming = [end - self._clock() for end in ends]
        return min([_POLL, *(seconds for seconds in coming if seconds > 0)])

    def _beat(self) -> None:
        now = self._clock()
        if self._beaten is None or not 0 <= now - self._beaten < BEAT:
            self._watch.beat(self._id, now)
            self._beaten = now

    def _report_ended(self) -> None:
        """Log the outcome of each child process that ended."""
        while self._ended:
            tick, code = self._ended[0]
            self._report(self._store.tick(tick.id) or tick, code)
            self._ended.pop(0)

    def _report(self, tick: Tick, code: int) -> None:
        if tick.outcome is None:
            log = log_path(self._root, tick.schedule)
            _log.warning("%s: exit code %d and no outcome; see %s", tick.schedule, code, log)
            return
        failed = is_failure(tick.outcome, tick.verdict)
        self._failed = self._failed or failed
        facts = (f"verdict {tick.verdict}" if tick.verdict else "", tick.run_id, tick.detail)
        text = ", ".join([tick.outcome, *(fact for fact in facts if fact)])
        _log.log(logging.ERROR if failed else logging.INFO, "%s: %s", tick.schedule, text)

    def _shut_down(self, signals: Signals) -> bool:
        """End the child processes; their ticks are launched again later.

        Returns:
            Whether a second signal has killed them.
        """
        _log.info("ending: %d child processes get SIGTERM", self._launcher.children())
        asked, end = signals.asked, time.monotonic() + _SHUT_DOWN_WITHIN
        interrupted: list[tuple[Tick, int]] = []
        self._launcher.interrupt()
        while self._launcher.children() and signals.asked == asked and time.monotonic() < end:
            signals.wait(min(_POLL, end - time.monotonic()))
            interrupted += self._launcher.ended()
        self._launcher.kill()
        while self._launcher.children():
            signals.wait(0.1)
            interrupted += self._launcher.ended()
        with contextlib.suppress(EnvironmentTrouble):  # the launch then counts as an attempt
            for tick, _ in interrupted:
                self._store.give_back(tick)
        return signals.asked > asked

    def _submit(self, notice: Notice) -> None:
        self._notifications = [future for future in self._notifications if not future.done()]
        self._notifications.append(self._notifier.submit(self._notify, notice))

    def _finish_notifications(self) -> None:
        wait(self._notifications, timeout=_NOTIFY_WITHIN if self._until is None else None)
        self._notifier.shutdown(wait=False)


def daemon_lives(root: Path, now: float, within: float = 3 * BEAT) -> bool:
    """Whether a daemon of the root had a heartbeat lately."""
    with Watch(root) as watch:
        last_seen = watch.last_seen()
    return last_seen is not None and now - last_seen <= within
