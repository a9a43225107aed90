"""Local files are refused where workers may be on other machines."""

from __future__ import annotations

import pytest

from components import ingest
from components.context import Context
from data.errors import ConfigError

ELSEWHERE = ("--runner=PortableRunner", "--environment_type=EXTERNAL", "--job_endpoint=nowhere:1")


@pytest.mark.slow
@pytest.mark.parametrize("named", [{}, {"source": "idx", "path": "here/idx"}])
def test_ingest_refuses_what_workers_may_not_see_and_leaves_nothing(tmp_path, named):
    context = Context(output_dir=tmp_path, beam_args=ELSEWHERE)
    with pytest.raises(ConfigError, match=named.get("path", str(tmp_path))) as error:
        ingest.run(ingest.Inputs(), ingest.Config(**named), context)
    assert "--shared-filesystem" in error.value.remedy
    assert not list(tmp_path.iterdir())


def test_what_workers_share_or_run_here_is_not_refused(tmp_path):
    from components.beam.shared_filesystem import refuse_unshared_paths

    refuse_unshared_paths(Context(output_dir=tmp_path), "here")
    refuse_unshared_paths(
        Context(output_dir=tmp_path, beam_args=ELSEWHERE, shared_filesystem=True), "here"
    )


def test_behind_a_url_the_input_is_seen_but_the_output_must_be_too(tmp_path):
    from components.beam.shared_filesystem import refuse_unshared_paths

    elsewhere = Context(output_dir=tmp_path, beam_args=ELSEWHERE)
    with pytest.raises(ConfigError, match=f"output folder {tmp_path}"):
        refuse_unshared_paths(elsewhere, "gs://bucket/idx")
    with pytest.raises(ConfigError, match="input here/idx"):
        refuse_unshared_paths(elsewhere, "here/idx")
