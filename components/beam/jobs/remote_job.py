"""Wait for a job on a remote runner, and report its state, counters and address."""

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
IN_TRANSIT = 1.5  # seconds from a job server to its cluster; an interrupted process has two
_SHOWN = ("read", "written", "refused")  # counters of our transforms that are shown


class Messages(Protocol):
    """The error messages of a job."""

    def any(self) -> bool: ...

    def last(self) -> str:
        """Join the error messages; waits a little for messages that are under way."""
        ...


@dataclasses.dataclass(kw_only=True)
class RemoteJob(abc.ABC):
    """A job on a remote runner."""

    id: str
    url: str | None = None  # the page of the runner
    result: PipelineResult | None = None  # of Beam, in the process that started the job
    counted: dict[str, int] = dataclasses.field(default_factory=dict)  # counters at the job's end

    poll: ClassVar[float] = 0.25  # seconds between two requests

    @abc.abstractmethod
    def state(self) -> str:
        """Get the state of the job in Beam's terms: RUNNING, DONE, …

        Raises:
            ConnectionLost: the runner does not answer, or does not know the job.
        """

    @abc.abstractmethod
    def counters(self) -> dict[str, int]:
        """Get the counters of our transforms so far, by name; empty if the runner has none."""

    @abc.abstractmethod
    def cancel(self, in_transit: float = IN_TRANSIT) -> None:
        """Ask the runner to end the job.

        Args:
            in_transit: seconds to wait for a job that its cluster has not received yet.

        Raises:
            ConnectionLost: as `state`.
        """

    def explain_delay(self) -> str:
        """Explain why no worker has started, as the runner sees it; "" if it does not say."""
        return ""

    @abc.abstractmethod
    def messages(self) -> Messages:
        """Start to collect the error messages of the job."""

    @abc.abstractmethod
    def close(self) -> None:
        """Close the connection."""

    def wait(
        self, context: Context, wait: str = "", *, begun: Callable[[], bool] = lambda: False
    ) -> str:
        """Wait until the job is over, and report progress; returns the last state.

        Ctrl-C cancels the job.

        Args:
            context: for the progress.
            wait: name of the time limit, see `data.base.waits`; "": no limit.
            begun: whether a worker has started; then there is no limit any more.

        Raises:
            ConnectionLost: the runner does not answer any more.
            EnvironmentTrouble: the time limit was reached, and the job is cancelled.
            PenstockError: the job failed; see `failure`.
        """
        messages = self.messages()
        end = time.monotonic() + SECONDS[wait] if wait else None
        before = ""
        try:
            while (state := self.state()) not in OVER:
                detail = self._describe(state)
                if detail != before:
                    context.progress(0, None, detail)
                    before = detail
                if end and time.monotonic() > end:
                    if not begun():
                        delay = self.explain_delay()
                        self.cancel(SECONDS["FLINK"])
                        raise self._make_too_late_error(wait, messages, delay)
                    end = None
                time.sleep(self.poll)
            if state == "FAILED":
                raise runner_errors.explain_failure(messages.last())
            self.counted = self.counters()
            return state
        except KeyboardInterrupt:
            with contextlib.suppress(Exception):  # such as a cluster that does not answer
                self.cancel()
            raise
        finally:
            self.close()

    def stop(self, within: float) -> str:
        """Ask the runner to end the job, and wait some seconds for it; returns the last state.

        Raises:
            ConnectionLost: the runner does not answer.
        """
        self.cancel()
        end = time.monotonic() + within
        while (state := self.state()) not in OVER and time.monotonic() < end:
            time.sleep(self.poll)
        return state

    def failure(self) -> PenstockError:
        """Explain why the job failed, by the messages of the runner."""
        return runner_errors.explain_failure(self.messages().last())

    def _describe(self, state: str) -> str:
        counted = self.counters()
        numbers = [f"{counted[name]:,} {name}" for name in _SHOWN if name in counted]
        return "  ".join(filter(None, [f"job {state.lower()}", *numbers, self.url]))

    def _make_too_late_error(self, wait: str, messages: Messages, delay: str) -> EnvironmentTrouble:
        cause = runner_errors.find_first_cause(messages.last()) if messages.any() else delay
        return make_too_late_error(f"the job {self.id}", wait, cause)


def make_too_late_error(job: str, wait: str, cause: str = "") -> EnvironmentTrouble:
    """Make the error of a job that was cancelled because no worker started in time.

    Args:
        job: name of the job.
        wait: name of the time limit that was reached.
        cause: the cause, if it is known.
    """
    return EnvironmentTrouble(
        f"{job} did not start within {SECONDS[wait]:g} s, and was cancelled",
        expected="workers that start and answer",
        got=cause or "no answer from any worker",
        remedy="read the log of the worker: its `python` may lack apache_beam; the cluster may be "
        "full; the worker pool of --environment_config may not run. "
        f"PENSTOCK_WAIT_{wait} sets how long to wait",
    )
