"""Choose the settings of ingest that fit a dataset: size of the images, splits, bad files."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from components.ingest import Config
from pipeline.inspection.dataset.advice import advise
from pipeline.inspection.dataset.survey import Survey

TEST_SHARE, VALIDATION_SHARE = 0.2, 0.1
_FITS = {
    "exact": "Every image must have this size.",
    "pad": "Keeps the whole image and its shape; the rest is background.",
}


def choose_settings(
    config: Config, given: set[str], survey: Survey, of_files: bool
) -> tuple[Config, dict[str, str]]:
    """Fill a config with settings that fit, except those that the user gave.

    Returns:
        The config, and for each setting that was chosen why.

    Raises:
        ConfigError: a setting of the user contradicts another one.
    """
    chosen: dict[str, tuple[Any, str]] = {}
    if of_files:
        chosen |= _choose_size(survey) | _choose_bad_share(survey)
    chosen |= _choose_test_share(survey)
    if "validation" not in survey.counts:
        why = "Cut from train, to watch the training."
        chosen["validation_share"] = (VALIDATION_SHARE, why)
    if given & {"height", "width"}:  # they belong together
        given = {*given, "height", "width"}
    chosen = {name: choice for name, choice in chosen.items() if name not in given}
    values = {name: value for name, (value, _) in chosen.items()}
    config = dataclasses.replace(config, **values)
    if of_files:
        config.check_for_files()
    whys = {name: why for name, (_, why) in chosen.items() if why}
    if config.group is not None and "group" not in given:
        whys["group"] = f"The images of each of these {len(survey.groups):,} stay in one split."
    return config, whys


def _choose_size(survey: Survey) -> dict[str, tuple[Any, str]]:
    advice = advise(survey)
    chosen: dict[str, tuple[Any, str]] = {
        "height": (advice.height, f"A size that fits: {advice.why}."),
        "width": (advice.width, ""),
        "fit": (advice.fit, _FITS[advice.fit]),
    }
    if survey.grey:
        chosen["channels"] = (advice.channels, f"Images without colour: {survey.grey:,}.")
    return chosen


def _choose_test_share(survey: Survey) -> dict[str, tuple[Any, str]]:
    if "test" in survey.counts or "" not in survey.counts:
        return {}
    why = (
        "Images without a split: a share becomes the test split. Images are chosen by their "
        "content, or by `group` where several show one person or thing."
    )
    return {"test_share": (TEST_SHARE, why)}


def _choose_bad_share(survey: Survey) -> dict[str, tuple[Any, str]]:
    if not survey.bad:
        return {}
    name, reason = survey.bad[0]
    share = len(survey.bad) / (survey.images + len(survey.bad))
    why = (
        f"Files that cannot be used: {len(survey.bad):,}, such as {name} ({reason}). They are left "
        "out, and quarantine.csv lists them; more of them end the step."
    )
    return {"max_bad_share": (min(0.99, math.ceil(share * 150) / 100), why)}
