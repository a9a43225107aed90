"""Survey a dataset of arrays, which have one size: classes, duplicates, sample images."""

from __future__ import annotations

from collections import Counter, defaultdict

from data.sources import Source
from pipeline.inspection.dataset.samples import Samples
from pipeline.inspection.dataset.survey import Duplicate, Progress, Survey


def survey_arrays(source: Source, progress: Progress) -> Survey:
    """Read all images of a source once; an image is called by its split and its index there.

    Raises:
        BadDataError, EnvironmentTrouble: as the methods of the source.
    """
    from data.content_hash import hash_images  # imports NumPy

    if prepare := getattr(source, "prepare", None):
        prepare()
    spec, total = source.spec(), source.num_images()
    names = spec.class_names
    survey = Survey(class_names=names)
    samples = Samples(names)
    same: defaultdict[int, list[tuple[str, int, str]]] = defaultdict(list)
    done: Counter[str] = Counter()
    for part in source.parts():
        for images, labels in source.read(part):
            for image, label, key in zip(images, labels, hash_images(images), strict=True):
                same[int(key)].append((part.split, done[part.split], names[label]))
                samples.offer(f"{part.split}/{done[part.split]}", names[label], image)
                survey.counts.setdefault(part.split, Counter())[names[label]] += 1
                done[part.split] += 1
            progress(done.total(), total or done.total())
    count = done.total()
    survey.sizes[spec.height, spec.width] = count
    survey.formats[f"{spec.height} x {spec.width} x {spec.channels} arrays"] = count
    survey.grey = count if spec.channels == 1 else 0
    survey.total_bytes = count * spec.image_bytes
    survey.duplicates = [
        Duplicate(
            tuple(f"{split}/{index}" for split, index, _ in images),
            tuple(sorted({name for _, _, name in images})),
            tuple(sorted({split for split, _, _ in images})),
        )
        for images in same.values()
        if len(images) > 1
    ]
    survey.samples = samples.choose()
    return survey
