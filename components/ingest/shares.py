"""Choose which splits are cut, and which must have images."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from components.context import Context
from components.ingest.config import Config
from data.examples.splits import SplitShares
from data.sources.split_names import TEST, TRAIN, VALIDATION


def choose_shares(
    given: Collection[str | None] | None, config: Config, context: Context
) -> SplitShares:
    """Return the shares to cut: a validation split of the source's own stays as it is.

    Args:
        given: the splits that the source gives to images; None among them: it gives some of them
            none. None: not known.
        config: of Ingest.
        context: takes warnings of shares that cut nothing.
    """
    shares = SplitShares(test=config.test_share, validation=config.validation_share)
    if given is None:
        return shares
    if shares.validation and VALIDATION in given:
        context.warn(
            "ingest.validation_share cuts nothing: the source has a validation split of its own"
        )
        shares = replace(shares, validation=0)
    if shares.test and None not in given:
        context.warn("ingest.test_share cuts nothing: the source gives every image its split")
        shares = replace(shares, test=0)
    return shares


def list_required_splits(config: Config) -> tuple[str, ...]:
    """List the splits that must have images. One span needs only train: its window is checked."""
    if config.span is not None:
        return (TRAIN,)
    return (TRAIN, VALIDATION, TEST) if config.validation_share else (TRAIN, TEST)
