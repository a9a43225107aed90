"""A recipe that needs no library; it reads `numbers` and `status` beside it."""

from __future__ import annotations

from pathlib import Path

from toy_steps import Count, Judge

from data.base.durable_files import write_json
from pipeline.config.graph import PipelineConfig, Ref, Step

OVERALL = {"examples": 3, "accuracy": None, "loss": None}


class Gate(Judge):
    @staticmethod
    def run(inputs, config, context):
        outputs = Judge.run(inputs, config, context)
        verdict = {
            "status": config.status,
            "reasons": [] if config.status == "passed" else ["the numbers are too small"],
            "metrics": {"candidate": {"overall": OVERALL}, "baseline": None},
            "baseline": None,
            "confidence": 0.95,
            "weakest_class": None,
            "data": {},
            "rules": [],
            "suspect_the_data": None,
        }
        write_json(context.output_dir / "verdict.json", verdict)
        return outputs


def toy() -> PipelineConfig:
    here = Path(__file__).parent
    status = (here / "status").read_text()
    return PipelineConfig(
        name="toy",
        steps=(
            Step(
                name="count",
                component="toy_steps:Count",
                config=Count.Config(file=str(here / "numbers")),
            ),
            Step(
                name="judge",
                component="toy_recipe:Gate",
                config=Judge.Config(status=status),
                inputs={"numbers": Ref("count", "numbers")},
            ),
        ),
    )
