"""Windows: which of the spans a run is made of, by the words of `ingest.window`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from data.errors import ConfigError
from data.spans.patterns import span_sort_key

SINCE_PUSH = "since push"
_NAMED = "span "


@dataclass(frozen=True, kw_only=True)
class Window:
    """Out of the spans, perhaps some by name, the newest so many."""

    count: int | None = None  # None: all
    names: tuple[str, ...] | None = None  # None: whatever they are called
    since_push: bool = False  # newer ones than those of the last run that pushed
    until: str | None = None  # none that is newer than this one

    @staticmethod
    def parse(text: str) -> Window:
        """The window that is worded so.

        "latest", "3" (the newest three), "all", "since push", "2026-11-20" or, where it might be
        taken for something else, "span 7", "span 5, 6, 7"; behind any of them, " until NAME".

        Raises:
            ConfigError: none is.
        """
        which, word, until = text.rpartition(" until ")
        which, last = (which.strip(), until.strip()) if word else (text.strip(), None)
        if which in ("all", SINCE_PUSH):
            return Window(since_push=which == SINCE_PUSH, until=last)
        if which == "latest" or which.isdigit():
            window = Window(count=1 if which == "latest" else int(which), until=last)
        else:
            names = which.removeprefix(_NAMED).split(",")
            window = Window(names=tuple(name.strip() for name in names), until=last)
        if window.count == 0 or last == "" or not all(window.names or ()):
            raise ConfigError(
                "ingest.window is no window of spans",
                expected="latest, a number from 1, all, since push, a span's name, or "
                "span NAME, NAME; behind any of them, until NAME",
                got=repr(text),
            )
        return window

    def candidates(self, spans: Sequence[str], pushed: str | None) -> list[str]:
        """The spans out of which the window is taken, in their order.

        Args:
            spans: all names, the oldest first.
            pushed: the newest span of the last run that pushed; None where none did.
        """
        return [
            name
            for name in spans
            if (self.names is None or name in self.names)
            and (self.until is None or span_sort_key(name) <= span_sort_key(self.until))
            and (
                not self.since_push or pushed is None or span_sort_key(name) > span_sort_key(pushed)
            )
        ]

    def take(
        self, candidates: Sequence[str], is_usable: Callable[[str], bool]
    ) -> tuple[list[str], list[str]]:
        """Those of the candidates that the window takes, and those that it would have taken.

        Args:
            candidates: the oldest first. The newest are asked about first, and no more of them
                than are needed.
            is_usable: whether a candidate can be taken.
        """
        taken: list[str] = []
        passed_over: list[str] = []
        for name in reversed(candidates):
            (taken if is_usable(name) else passed_over).append(name)
            if len(taken) == self.count:
                break
        return taken[::-1], passed_over[::-1]


def format_window(names: Sequence[str]) -> str:
    """The words of the window of just these spans."""
    return _NAMED + ", ".join(names)
