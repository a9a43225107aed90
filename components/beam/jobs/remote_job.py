"""Wait well for a job that runs elsewhere: its state, counters and address."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import time
from collections.abc import Callable
from typing import ClassVar, Protocol

from apache_beam.runners.runner import PipelineResult

from components.beam import runner_errors
from components.context import Context
from data.base.waits import SECONDS
from data.errors import EnvironmentTrouble, PenstockError

OVER = ("DONE", "FAILED", "CANCELLED", "DRAINED", "UPDATED")
_SHOWN = ("read", "written", "refused")  # counters, wherever our transforms count so


class Words(Protocol):
    """A job's error messages."""

    def any(self) -> bool: ...

    def last(self) -> str:
        """The error messages, joined; waits a little for those under way."""
        ...


@dataclasses.dataclass(kw_only=True)
class RemoteJob(abc.ABC):
    """One job that runs elsewhere, whoever is asked for it."""

    id: str
    url: str | None = None  # the runner's own page
    result: PipelineResult | None = None  # Beam's, in the process that started the job
    counted: dict[str, int] = dataclasses.field(default_factory=dict)  # as of the job's end

    poll: ClassVar[float] = 0.25  # seconds between two questions

    @abc.abstractmethod
    def state(self) -> str:
        """The job's state as Beam names it: RUNNING, DONE, …

        Raises:
            ConnectionLost: no answer for a minute, or the job is not known there.
        """

    @abc.abstractmethod
    def counters(self) -> dict[str, int]:
        """What our transforms counted so far, by name; empty where the runner does not tell."""

    @abc.abstractmethod
    def cancel(self) -> None:
        """Ask the runner to end the job.

        Raises:
            ConnectionLost: as `state`.
        """

    @abc.abstractmethod
    def words(self) -> Words:
        """What the job says of errors, from now on at the latest."""

    @abc.abstractmethod
    def close(self) -> None:
        """Hang up."""

    def wait(
        self, context: Context, wait: str = "", *, begun: Callable[[], bool] = lambda: False
    ) -> str:
        """Report what is to be told, until the job is over. Returns the last state.

        Ctrl-C cancels the job.

        Args:
            context: whose progress is told.
            wait: which of the waits bounds it; none: it may take as long as it takes.
            begun: from the time on at which this is true it may, too.

        Raises:
            ConnectionLost: the runner went away.
            EnvironmentTrouble: the time was over, and the job is cancelled.
            PenstockError: it failed; see `failure`.
        """
        words = self.words()
        end = time.monotonic() + SECONDS[wait] if wait else None
        before = ""
        try:
            while (state := self.state()) not in OVER:
                detail = self._detail(state)
                if detail != before:
                    context.progress(0, None, detail)
                    before = detail
                if end and time.monotonic() > end:
                    if not begun():
                        self.cancel()
                        raise self._too_late(wait, words)
                    end = None
                time.sleep(self.poll)
            if state == "FAILED":
                raise runner_errors.explain_failure(words.last())
            self.counted = self.counters()
            return state
        except KeyboardInterrupt:
            with contextlib.suppress(Exception):  # a cluster that does not answer, for one
                self.cancel()
            raise
        finally:
            self.close()

    def stop(self, within: float) -> str:
        """Ask the runner to end the job, and wait for it so many seconds. Returns the last state.

        Raises:
            ConnectionLost: the runner does not answer.
        """
        self.cancel()
        end = time.monotonic() + within
        while (state := self.state()) not in OVER and time.monotonic() < end:
            time.sleep(self.poll)
        return state

    def failure(self) -> PenstockError:
        """Why the job failed, by the runner's messages."""
        return runner_errors.explain_failure(self.words().last())

    def _detail(self, state: str) -> str:
        counted = self.counters()
        numbers = [f"{counted[name]:,} {name}" for name in _SHOWN if name in counted]
        return "  ".join(filter(None, [f"job {state.lower()}", *numbers, self.url]))

    def _too_late(self, wait: str, words: Words) -> EnvironmentTrouble:
        said = runner_errors.find_first_cause(words.last()) if words.any() else ""
        return make_too_late_error(f"the job {self.id}", wait, said)


def make_too_late_error(job: str, wait: str, said: str = "") -> EnvironmentTrouble:
    """The error of a job that was cancelled since no worker did anything for it.

    Args:
        job: what it is called.
        wait: which of the waits was over.
        said: what is known of the cause.
    """
    return EnvironmentTrouble(
        f"{job} came to nothing within {SECONDS[wait]:g} s, and was cancelled",
        expected="workers that start and answer",
        got=said or "no word from any worker",
        remedy="see the worker's log: its `python` may lack apache_beam, the cluster be full, "
        "or --environment_config name a worker pool that does not run; "
        f"PENSTOCK_WAIT_{wait} says how long to wait",
    )
