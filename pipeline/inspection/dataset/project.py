"""Write a project whose recipe fits a dataset: `penstock new NAME --images PATH`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from components.evaluate.rules import DEFAULT_PAIRED, OVERALL
from components.ingest import Config
from data.errors import BadDataError
from data.files.input_files import resolve_input_path
from pipeline.config.commands import format_command
from pipeline.environment.new_project import make_project
from pipeline.inspection.dataset.look import Look
from pipeline.inspection.dataset.recipe_text import Argument, Code, render_arguments

_MOST_NAMES = 50  # classes whose names the recipe lists
_SEEN = 60_000  # images that a training looks at, those that it sees again included
_EPOCHS = (10, 60)  # fewest and most
_LEAST_SIDE = 16  # pixels, from which convolutions are worth it
_MIN_EXAMPLES = 20  # the default of evaluate


def write_project(seen: Look, folder: Path) -> list[Path]:
    """Write a recipe for the dataset, and a README; returns the files.

    Raises:
        BadDataError: no classifier can be trained on the images.
        ConfigError: the folder is not empty.
    """
    check_trainable(seen)
    survey = seen.survey
    plan = _Split(seen)
    values = {
        "SUMMARY": f"{survey.images:,} images of {len(survey.class_names):,} classes.",
        "INGEST": render_arguments(_choose_ingest(seen)),
        "TRAIN": render_arguments(_choose_training(plan, seen)),
        "EVALUATE": render_arguments(_choose_rules(plan)),
        "IMPORT_PAIRED": "" if plan.judges_classes else "Paired,\n    ",
        "DATA": format_command("data", str(seen.config.path)),
    }
    return make_project(folder, "template/images", values)


def check_trainable(seen: Look) -> None:
    """Raise BadDataError if no classifier can be trained and judged on the images."""
    survey = seen.survey
    present = [name for name in survey.class_names if survey.count_class(name)]
    if len(present) < 2:
        raise BadDataError(
            f"the images under {seen.config.path} have one class",
            expected="images of two classes or more, each in a folder of its own",
            got=f"{survey.images:,} images of {present[0]!r}",
            follows="there is nothing to tell apart",
            remedy="add a folder of images that are something else",
        )
    if "test" not in survey.counts and "" not in survey.counts:
        folder = f"{str(seen.config.path).rstrip('/')}/train"
        raise BadDataError(
            f"the images under {seen.config.path} have no test split",
            expected="a folder test, or images without a split, of which a share is cut",
            got="the splits " + ", ".join(survey.splits),
            follows="the gate has no images that the training never saw",
            remedy=f"rename one of the folders to test, or take the images of {folder} alone",
        )
    if not survey.counts.keys() & {"train", ""}:
        raise BadDataError(
            f"the images under {seen.config.path} have no train split",
            expected="a folder train, or images without a split",
            got="the splits " + ", ".join(survey.splits),
            follows="there is nothing to train on",
            remedy="move images to train",
        )


class _Split:
    """How many images each split will have, about."""

    def __init__(self, seen: Look) -> None:
        counts = seen.survey.counts
        share = seen.config.test_share
        rest = sum(
            (counts[split] for split in ("", "train") if split in counts), start=Counter[str]()
        )
        classes = seen.survey.class_names
        if "test" not in counts:
            tests = [rest[name] * share for name in classes]
            # what a cut by hash has at least, in 39 of 40 classes
            tests = [n - 2 * math.sqrt(n * (1 - share)) for n in tests]
            self.test = round(rest.total() * share)
        else:
            tests = [float(counts["test"][name]) for name in classes]
            self.test = counts["test"].total()
        self.smallest_test = max(0, math.floor(min(tests)))
        left = rest.total() - (0 if "test" in counts else self.test)
        validation = 0.0 if "validation" in counts else seen.config.validation_share
        self.train = round(left * (1 - validation))
        commonest = max(classes, key=seen.survey.count_class)
        self.commonest = commonest
        self.chance = seen.survey.count_class(commonest) / seen.survey.images
        self.judges_classes = self.smallest_test >= _MIN_EXAMPLES


def _choose_ingest(seen: Look) -> Iterator[Argument]:
    config, names = seen.config, seen.survey.class_names
    yield "", "source", config.source
    yield "", "path", str(resolve_input_path(config.path))
    if len(names) <= _MOST_NAMES:
        why = "The classes, in the order of their labels. An image of another class is an error."
        yield why, "class_names", tuple(names)
    elif config.class_names:
        yield "", "class_names", config.class_names
    for f in fields(config):
        value = getattr(config, f.name)
        if f.name in ("source", "path", "class_names"):
            continue
        if value != getattr(Config(), f.name) or f.name in seen.assumed:
            yield seen.why.get(f.name, ""), f.name, value


def _choose_training(plan: _Split, seen: Look) -> Iterator[Argument]:
    fewest, most = _EPOCHS
    epochs = min(most, max(fewest, 5 * round(_SEEN / plan.train / 5)))
    side = min(min(size) for size in seen.survey.sizes)
    if seen.of_files:
        side = min(seen.config.height or side, seen.config.width or side)
    has_convolutions = side >= _LEAST_SIDE
    if has_convolutions:
        yield "A small network of convolutions; its depth follows the size.", "model", "conv"
    else:
        yield f"Images of {side} pixels need no convolutions.", "model", "dense"
    yield (
        f"About {plan.train:,} images to train on: fewer would need more epochs.",
        "epochs",
        epochs,
    )
    yield "", "batch_size", 32
    yield "", "optimizer", "adamw"
    yield "The learning rate falls to 0 over the training.", "learning_rate_schedule", "CosineDecay"
    yield "", "schedule_options", {"initial_learning_rate": 0.003}
    if not has_convolutions:
        return
    yield (
        'Random changes of the training images. Add "flip": "horizontal" if a mirrored image is '
        "still of its class.",
        "augmentation",
        {"rotation": 15, "shift": 0.12, "zoom": 0.2, "contrast": 0.4},
    )


def _choose_rules(plan: _Split) -> Iterator[Argument]:
    floor = math.floor(100 * (plan.chance + 0.6 * (1 - plan.chance))) / 100
    rules = [_rule(floor)]
    comment = (
        f"Whoever always answers {plan.commonest!r} is right in {plan.chance:.0%}. A model that is "
        f"served must reach {floor}; raise this when you know what is possible."
    )
    if plan.judges_classes:
        rules.append(_rule(math.floor(floor * 50) / 100, "each class"))
    else:
        comment += (
            f" A class has as few as {plan.smallest_test} test images: no rule is about one class."
        )
    yield comment, "thresholds", Code("(\n    " + "\n    ".join(f"{r}," for r in rules) + "\n)")
    if not plan.judges_classes:
        overall = [rule for rule in DEFAULT_PAIRED if rule.on == OVERALL]
        texts = (
            f"Paired(margin={rule.margin}"
            + ("" if rule.against == "baseline" else f', against="{rule.against}"')
            + ")"
            for rule in overall
        )
        yield (
            "A new model against the one that serves, and against the best ever pushed.",
            "paired",
            Code("(" + ", ".join(texts) + ")"),
        )
    if plan.test < 2 * _MIN_EXAMPLES:
        yield (
            f"About {plan.test} test images: so few say little, whatever they say.",
            "min_examples",
            max(1, plan.test // 2),
        )


def _rule(at_least: float, on: str | None = None) -> str:
    more = f', on="{on}"' if on else ""
    return f'Threshold(metric="accuracy", at_least={at_least}{more})'
