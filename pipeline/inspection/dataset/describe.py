"""Say what a survey found: as facts for machines, and in words for a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from data.base.visible_text import escape_line
from data.errors import BadDataError
from pipeline.inspection.dataset.advice import advise, find_median_size
from pipeline.inspection.dataset.look import Look
from pipeline.inspection.dataset.project import check_trainable
from pipeline.inspection.dataset.survey import Duplicate, Survey

_FEW = 10  # images of a class that are too few to learn from and to judge by
_LISTED = 5  # names of files in a line
Size = tuple[int, int]


def collect_facts(seen: Look) -> dict[str, Any]:
    """Return everything that was found, for JSON; sizes are [height, width]."""
    survey = seen.survey
    return {
        "source": seen.config.source,
        "path": seen.config.path,
        "decoded": seen.decoded,
        "images": survey.images,
        "bytes": survey.total_bytes,
        "classes": {
            name: {split or "all": counts[name] for split, counts in survey.counts.items()}
            for name in survey.class_names
        },
        "splits": list(survey.splits),
        "sizes": {
            **_range_of_sizes(survey),
            "different": len(survey.sizes),
            "commonest": [[list(size), n] for size, n in survey.sizes.most_common(10)],
        },
        "formats": dict(survey.formats.most_common()),
        "orientations": {str(k): n for k, n in sorted(survey.orientations.items())},
        "bad": [bad._asdict() for bad in survey.bad],
        "left_out": [left._asdict() for left in survey.left_out],
        "duplicates": [duplicate._asdict() for duplicate in survey.duplicates],
        "groups": {name: dict(splits) for name, splits in survey.groups.items()},
        "settings": seen.settings,
        "assumed": {name: reading._asdict() for name, reading in seen.assumed.items()},
        "why": dict(seen.why),
        "warnings": list(find_problems(survey)),
    }


def describe(seen: Look) -> dict[str, str]:
    """Return lines with their labels."""
    survey = seen.survey
    sizes = _range_of_sizes(survey)
    common = [f"{_size(size)} ({n:,})" for size, n in survey.sizes.most_common(3)]
    turned = (f"{n:,} by EXIF orientation {k}" for k, n in sorted(survey.orientations.items()))
    lines = {
        "images": f"{survey.images:,} in {len(survey.class_names):,} classes, "
        f"{_megabytes(survey.total_bytes)}",
        "splits": ", ".join(survey.splits) or "none: a share of all images is cut",
        "sizes": "height x width: " + ", ".join(f"{k} {_size(size)}" for k, size in sizes.items()),
        "": f"{len(survey.sizes):,} different; the commonest " + ", ".join(common),
        "formats": ", ".join(f"{name} {n:,}" for name, n in survey.formats.most_common()),
        "to turn": ", ".join(turned),
        "groups": _describe_groups(survey),
        "assumed": "\n".join(describe_assumptions(seen)),
        "bad files": _count([f"{b.name}: {b.reason}" for b in survey.bad]) or "none",
        "left out": _count([f"{n} ({why})" for n, why in survey.left_out]),
        "duplicates": _describe_duplicates(survey, seen.decoded),
        "warnings": "\n".join(find_problems(survey)),
    }
    if seen.of_files:
        config = seen.config
        size = f"{config.height} x {config.width} x {config.channels or 3}, fit {config.fit}"
        lines["to train"] = f"at {size}; {advise(survey).why}"
    if len(survey.sizes) == 1:
        lines |= {"sizes": f"height x width: all {common[0]}", "": ""}
    return lines


def describe_assumptions(seen: Look) -> Iterator[str]:
    """Yield what was assumed of how the data is read, why, and how to say otherwise."""
    for name, (value, why, otherwise) in seen.assumed.items():
        yield escape_line(f"{name}={value}. {why} If that is wrong: --set {otherwise}")


def find_obstacle(seen: Look) -> str | None:
    """Return why no model can be trained on the dataset, and what to do; None if one can."""
    try:
        check_trainable(seen)
    except BadDataError as error:
        return f"{error.brief}; {error.remedy}"
    return None


def find_problems(survey: Survey) -> Iterator[str]:
    """Yield what a person should look at before training."""
    mixed = [_join(d) for d in survey.duplicates if len(d.labels) > 1]
    across = [_join(d) for d in survey.duplicates if len(d.splits) > 1]
    straddling = [name for name, splits in survey.groups.items() if len(splits) > 1]
    few = [name for name in survey.class_names if survey.count_class(name) < _FEW]
    found = {
        "the same image is in several classes": mixed,
        "the same image is in several splits": across,
        "one group is in several splits": straddling,
        f"fewer than {_FEW} images of a class": few,
    }
    for split in survey.splits:
        counts = survey.counts[split]
        missing = [name for name in survey.class_names if not counts[name]]
        found[f"no image of a class in the split {split}"] = missing
    for problem, names in found.items():
        if names:
            yield f"{problem}: {_list(names)}"


def _range_of_sizes(survey: Survey) -> dict[str, Size]:
    if not survey.sizes:
        return {}
    ordered = sorted(survey.sizes, key=lambda size: (size[0] * size[1], size))
    return {"smallest": ordered[0], "median": find_median_size(survey), "largest": ordered[-1]}


def _describe_groups(survey: Survey) -> str:
    if not survey.groups:
        return ""
    counts = [splits.total() for splits in survey.groups.values()]
    return f"{len(counts):,}, of {min(counts):,} to {max(counts):,} images"


def _describe_duplicates(survey: Survey, decoded: bool) -> str:
    kind = "the same pixels" if decoded else "the same bytes"
    if not survey.duplicates:
        return f"none: no two files have {kind}"
    more = sum(len(duplicate.names) - 1 for duplicate in survey.duplicates)
    return f"{more:,} with {kind} as another file: {_list(map(_join, survey.duplicates))}"


def _join(duplicate: Duplicate) -> str:
    more = f" = {len(duplicate.names) - 3:,} more" if len(duplicate.names) > 3 else ""
    return " = ".join(duplicate.names[:3]) + more


def _count(texts: Sequence[str]) -> str:
    return f"{len(texts):,}: {_list(texts)}" if texts else ""


def _list(texts: Iterable[str]) -> str:
    """Join texts to one line, and say how many more there are."""
    texts = list(texts)
    more = f"; and {len(texts) - _LISTED:,} more" if len(texts) > _LISTED else ""
    return "; ".join(map(escape_line, texts[:_LISTED])) + more


def _size(size: Size) -> str:
    return f"{size[0]:,} x {size[1]:,}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
