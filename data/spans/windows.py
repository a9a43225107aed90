"""Select the spans of a run by the setting `ingest.window`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from data.errors import ConfigError
from data.spans.patterns import span_sort_key

SINCE_PUSH = "since push"
_NAMED = "span "


@dataclass(frozen=True, kw_only=True)
class Window:
    """A selection of spans: by name, the newest N, or those newer than the last push."""

    count: int | None = None  # None: all
    names: tuple[str, ...] | None = None  # None: any name
    since_push: bool = False  # only spans newer than those of the last run that pushed
    until: str | None = None  # no span newer than this one

    @staticmethod
    def parse(text: str) -> Window:
        """Parse the text of a window.

        The forms are "latest", "3" (the newest three), "all", "since push", a span's name such as
        "2026-11-20", and, for names that could be mistaken for another form, "span 7" or
        "span 5, 6, 7". Each may be followed by " until NAME".

        Raises:
            ConfigError: the text has none of these forms.
        """
        which, separator, until = text.rpartition(" until ")
        which, last = (which.strip(), until.strip()) if separator else (text.strip(), None)
        if which in ("all", SINCE_PUSH):
            return Window(since_push=which == SINCE_PUSH, until=last)
        if which == "latest" or which.isdigit():
            window = Window(count=1 if which == "latest" else int(which), until=last)
        else:
            names = which.removeprefix(_NAMED).split(",")
            window = Window(names=tuple(name.strip() for name in names), until=last)
        if window.count == 0 or last == "" or not all(window.names or ()):
            raise ConfigError(
                "invalid ingest.window",
                expected="latest, a number from 1, all, since push, a span's name, or "
                "span NAME, NAME; each may be followed by: until NAME",
                got=repr(text),
                remedy="set ingest.window to one of these forms",
            )
        return window

    def candidates(self, spans: Sequence[str], pushed: str | None) -> list[str]:
        """Return the spans that may be in the window, in their order.

        Args:
            spans: all names, the oldest first.
            pushed: the newest span of the last run that pushed; None if no run pushed.
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
        """Return the candidates in the window, and the unusable ones that it left out.

        Args:
            candidates: the oldest first.
            is_usable: whether a candidate can be used; called for the newest first, and for no more
                than needed.
        """
        selected: list[str] = []
        left_out: list[str] = []
        for name in reversed(candidates):
            (selected if is_usable(name) else left_out).append(name)
            if len(selected) == self.count:
                break
        return selected[::-1], left_out[::-1]


def format_window(names: Sequence[str]) -> str:
    """Return the text of the window of exactly these spans."""
    return _NAMED + ", ".join(names)
