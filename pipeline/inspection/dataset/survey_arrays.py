"""Survey a dataset of arrays, which have one size: classes, duplicates, sample images."""

from __future__ import annotations

from collections import Counter

from data.sources import Source
from pipeline.inspection.dataset.samples import Samples
from pipeline.inspection.dataset.survey import Progress, SameImages, Survey


def survey_arrays(source: Source, progress: Progress) -> Survey:
    """Read all images of a source once; an image is called by its split and its index there.

    Raises:
        BadDataError, EnvironmentTrouble: as the methods of the source.
    """
    from data.base.content_hash import hash_images  # imports NumPy

    if prepare := getattr(source, "prepare", None):
        prepare()
    spec, total = source.spec(), source.num_images()
    names = spec.class_names
    survey = Survey(class_names=names)
    samples = Samples(names)
    same = SameImages()
    done: Counter[str] = Counter()
    for part in source.parts():
        split = part.split or ""
        for images, labels in source.read(part):
            for image, label, key in zip(images, labels, hash_images(images), strict=True):
                name, class_name = f"{part.split or 'images'}/{done[split]}", names[label]
                same.add(int(key), name, class_name, split)
                samples.offer(name, class_name, image)
                survey.counts.setdefault(split, Counter())[class_name] += 1
                done[split] += 1
            progress(done.total(), total or done.total())
    count = done.total()
    survey.sizes[spec.height, spec.width] = count
    survey.formats[f"{spec.height} x {spec.width} x {spec.channels} arrays"] = count
    survey.grey = count if spec.channels == 1 else 0
    survey.total_bytes = count * spec.image_bytes
    survey.duplicates = same.find_duplicates()
    survey.samples = samples.choose()
    return survey
