"""A recipe that needs no library; it reads `numbers`, `status` and `named` beside it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from toy_steps import Count, Judge, Read, Serve

from data.files.documents import write_document
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
        write_document(context.output_dir / "verdict.json", verdict)
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


def pushing() -> PipelineConfig:
    """As `toy`, and it pushes; where there is a file `hold`, in which folder it waits before."""
    here = Path(__file__).parent
    hold = (here / "hold").read_text() if (here / "hold").exists() else None
    step = Step(
        name="serve",
        component="toy_steps:Serve",
        config=Serve.Config(hold=hold),
        inputs={"verdict": Ref("judge", "verdict")},
    )
    return PipelineConfig(name="toy", steps=(*toy().steps, step))


def reading() -> PipelineConfig:
    """Reads the folder that `named` names, from the working folder on."""
    options = {"folder": (Path(__file__).parent / "named").read_text()}
    config = Read.Config(options=options)
    read = Step(name="read", component="toy_steps:Read", config=config)
    judge, serve = pushing().steps[1:]
    judge = dataclasses.replace(judge, inputs={"numbers": Ref("read", "numbers")})
    return PipelineConfig(name="toy", steps=(read, judge, serve))
