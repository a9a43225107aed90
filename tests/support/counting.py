"""Count stages: `--runner=counting.FnApiRunner` runs as Beam's runner and records them."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar

from apache_beam.portability import common_urns
from apache_beam.runners.portability.fn_api_runner import fn_runner, translations

_EXECUTABLE = "beam:runner:executable_stage:v1"
_SHUFFLES = {
    common_urns.primitives.GROUP_BY_KEY.urn,
    common_urns.composites.RESHUFFLE.urn,
}
_KNOWN = frozenset(
    {*_SHUFFLES, common_urns.primitives.IMPULSE.urn, common_urns.primitives.FLATTEN.urn}
)


@dataclass(frozen=True)
class Stages:
    """What Beam's fusion makes of a pipeline for Flink and Spark.

    executable: names of the stages that workers run, each of fused transforms, in order.
    shuffles: names of the groupings and reshuffles between them.
    """

    executable: tuple[str, ...]
    shuffles: tuple[str, ...]

    def __str__(self) -> str:
        stages = [f"stage   {name}" for name in self.executable]
        return "\n".join([*stages, *(f"shuffle {name}" for name in self.shuffles)])


def count(proto: Any) -> Stages:
    """Fuse a pipeline's proto as portable runners do."""
    fused = translations.optimize_pipeline(
        copy.deepcopy(proto), translations.standard_optimize_phases(), known_runner_urns=_KNOWN
    )
    transforms = fused.components.transforms
    made = [transforms[name] for name in fused.root_transform_ids]
    return Stages(
        tuple(t.unique_name for t in made if t.spec.urn == _EXECUTABLE),
        tuple(t.unique_name for t in made if t.spec.urn in _SHUFFLES),
    )


class FnApiRunner(fn_runner.FnApiRunner):
    """Beam's; `seen` holds the stages of each pipeline that it ran."""

    seen: ClassVar[list[Stages]] = []

    def run_via_runner_api(self, pipeline_proto: Any, options: Any) -> Any:
        self.seen.append(count(pipeline_proto))
        return super().run_via_runner_api(pipeline_proto, options)
