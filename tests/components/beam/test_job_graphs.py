"""Normalize's and Evaluate's pipelines as a runner gets them: small, and images stay in place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import idx_files
import numpy as np
import pytest
from own_preprocessing import standardize

from components import ingest
from components.artifacts import Model
from components.context import Context
from data.errors import StepError
from data.examples.artifact import Examples
from data.spec import ImageSpec

pytestmark = pytest.mark.slow

MOST = 200_000  # bytes of a pipeline
SNIPPET = 48  # bytes of a weight or an image by which they would be found
OWN_IMAGE = "--sdk_container_image=somewhere/mine:1"  # nothing but the pipeline is sent
LIFTED = "beam:transform:combine_per_key_precombine:v1"
SHUFFLE = ("beam:transform:group_by_key:v1", "beam:transform:reshuffle:v1")


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Noise of MNIST's size: (600, 28, 28) uint8."""
    return np.random.default_rng(5).integers(0, 256, (600, 28, 28), np.uint8)


@pytest.fixture(scope="module")
def examples(pixels: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Examples:
    folder = tmp_path_factory.mktemp("noise")
    labels = np.arange(600) % 10
    path = idx_files.write_idx(folder / "idx", (pixels, labels), (pixels[::2], labels[::2]))
    config = ingest.Config(source="idx", path=str(path))
    return ingest.run(ingest.Inputs(), config, Context(output_dir=folder)).examples


@pytest.fixture
def context(google: Any, tmp_path: Path) -> Context:
    """One whose pipelines go no further than to be sent."""
    google.state = "JOB_STATE_FAILED"
    google.messages = [{"messageText": "Traceback (most recent call last):\nValueError: sent"}]
    flags = (*google.flags, OWN_IMAGE)
    return Context(output_dir=tmp_path, beam_args=flags, shared_filesystem=True)


@pytest.fixture(autouse=True)
def without_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send no module of the tests along: how many are loaded depends on what ran before."""
    monkeypatch.setattr("components.beam.staging._is_user_module", lambda name: False)


def sent(google: Any, work: Callable[[], Any]) -> tuple[bytes, Any]:
    """The pipeline that `work` sends."""
    from apache_beam.portability.api import beam_runner_api_pb2 as runner_api

    with pytest.raises(StepError, match="failed on a worker") as stopped:
        work()
    assert stopped.value.got == "ValueError: sent"
    text = google.staged()["pipeline.pb"]
    return text, runner_api.Pipeline.FromString(text)


def holds(text: bytes, content: bytes) -> bool:
    """Whether a snippet of `content`, taken every so often, is in `text`."""
    return any(content[at : at + SNIPPET] in text for at in range(0, len(content), 5 * SNIPPET))


def ways(proto: Any, name: str) -> tuple[list[str], list[str]]:
    """Where the elements that the transform called `name` makes go, and what is made of them.

    Combiners are lifted as PortableRunner lifts them for all job servers: they count first where
    the elements are, so a way ends there.

    Returns:
        Names of the transforms that move them, by a shuffle or as a side input; the combiners'.
    """
    from apache_beam.runners.portability.fn_api_runner import translations

    phases = [translations.pack_combiners, translations.lift_combiners, translations.sort_stages]
    known = frozenset(SHUFFLE)
    lifted = translations.optimize_pipeline(proto, phases, known_runner_urns=known, partial=True)
    users = [t for t in lifted.components.transforms.values() if not t.subtransforms]
    (start,) = (t for t in users if t.unique_name == name)
    moving, combining = [], []
    way, seen = list(start.outputs.values()), set()
    while way:
        made = way.pop()
        seen.add(made)
        for user in users:
            if made not in user.inputs.values():
                continue
            if user.spec.urn == LIFTED:
                combining.append(user.unique_name)
            elif user.spec.urn in SHUFFLE or is_side_input(user, made):
                moving.append(user.unique_name)
            else:
                way += [one for one in user.outputs.values() if one not in seen]
    return moving, combining


def is_side_input(user: Any, made: str) -> bool:
    from apache_beam.portability.api import beam_runner_api_pb2 as runner_api

    if user.spec.urn != "beam:transform:pardo:v1":
        return False
    sides = runner_api.ParDoPayload.FromString(user.spec.payload).side_inputs
    return any(user.inputs[side] == made for side in sides)


def test_the_ways_of_a_pipeline_that_moves_its_elements() -> None:
    import apache_beam as beam

    pipeline = beam.Pipeline()
    pairs = pipeline | beam.Create([1]) | "Read" >> beam.Map(lambda n: (n, n))
    _ = pairs | "Even" >> beam.Filter(bool) | beam.GroupByKey()
    _ = pairs | beam.Reshuffle()
    _ = pipeline | beam.Impulse() | "All" >> beam.Map(print, beam.pvalue.AsList(pairs))
    _ = pairs | beam.CombinePerKey(sum)
    moving, combining = ways(pipeline.to_runner_api(), "Read")
    assert {name.partition("/")[0] for name in moving} >= {"GroupByKey", "Reshuffle", "All"}
    assert [name.partition("(")[0] for name in combining] == ["CombinePerKey"]


def test_normalize(google: Any, examples: Examples, context: Context, pixels, monkeypatch) -> None:
    from components.normalize.analysis import write_transform_graph

    path = context.output_dir / "graph"
    text, proto = sent(google, lambda: write_transform_graph(examples, standardize, path, context))
    assert len(text) < MOST
    assert not holds(text, pixels.tobytes())
    assert not holds(text, pixels.astype(np.float32).tobytes())
    moving, combining = ways(proto, "ReadBatches")
    assert moving == []
    assert combining


@pytest.fixture(scope="module")
def models(write_model: Callable[..., Model]) -> dict[str, tuple[bytes, Path]]:
    """Two untrained models of 1.6 MB each: their largest weight's bytes, and the bundle."""
    import keras

    spec = ImageSpec(height=28, width=28, channels=1, class_names=tuple("0123456789"))
    found = {}
    for seed, name in enumerate(("candidate", "baseline")):
        keras.utils.set_random_seed(seed)
        layers = [keras.Input((28, 28, 1)), keras.layers.Flatten()]
        network = keras.Sequential([*layers, keras.layers.Dense(512), keras.layers.Dense(10)])
        weights = network.layers[1].kernel.numpy().tobytes()
        found[name] = weights, write_model(network, spec).bundle
    return found


def test_evaluate(
    google: Any,
    examples: Examples,
    context: Context,
    pixels: np.ndarray,
    models: dict[str, tuple[bytes, Path]],
) -> None:
    from components.evaluate.measure.model_analysis import measure

    bundles = {name: bundle for name, (_, bundle) in models.items()}
    text, proto = sent(
        google, lambda: measure(examples, "test", bundles, context, slices=("label",))
    )
    assert len(text) < MOST
    assert not holds(text, pixels.tobytes())
    for weights, bundle in models.values():
        assert not holds(text, weights)
        assert holds((bundle / "variables" / "variables.data-00000-of-00001").read_bytes(), weights)
    moving, combining = ways(proto, "ReadBatches")
    assert moving == []
    assert combining
