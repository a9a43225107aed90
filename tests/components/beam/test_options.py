"""Beam's flags: what it knows, what it does not, where workers are."""

from __future__ import annotations

import copy
import pickle

import pytest
from apache_beam.options.pipeline_options import DebugOptions, PipelineOptions, StandardOptions

from components.beam.job_server import connect_job_server
from components.beam.options import find_unknown_flags, parse_flags, workers_are_elsewhere
from data.errors import ConfigError

PORTABLE = ("--runner=PortableRunner", "--job_endpoint=localhost:1")


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--direct_num_workers", "2"),
        ("--direct_num_workers=2", "--no_direct_runner_use_stacked_bundle"),
        ("--experiments=a", "--experiments=b"),
    ],
    ids=str,
)
def test_what_beam_knows_is_taken(args) -> None:
    assert find_unknown_flags(args) == []
    assert parse_flags(args).view_as(StandardOptions).runner == "FnApiRunner"


def test_repeated_experiments_are_all_there() -> None:
    options = parse_flags(("--experiments=a", "--experiments=b"))
    assert options.view_as(DebugOptions).experiments == ["a", "b"]


def test_a_view_is_made_once_and_shares_its_values_with_all() -> None:
    options = parse_flags(("--experiments=a",))
    view = options.view_as(DebugOptions)
    assert options.view_as(DebugOptions) is view
    view.add_experiment("b")
    assert PipelineOptions.view_as(options, DebugOptions).experiments == ["a", "b"]
    for again in (copy.deepcopy(options), pickle.loads(pickle.dumps(options))):
        assert again.view_as(DebugOptions) is not view
        again.view_as(DebugOptions).add_experiment("c")
        assert again.get_all_options()["experiments"] == ["a", "b", "c"]
    assert view.experiments == ["a", "b"]


@pytest.mark.parametrize(
    ("flag", "close"),
    [
        ("--direct_num_worker=2", "--direct_num_workers"),
        ("--direct_num=2", "--direct_num_workers"),
        ("--direct_runing_mode", "--direct_running_mode"),
        ("-direct_num_workers=2", "--direct_num_workers"),
    ],
)
def test_what_beam_does_not_know_is_refused(flag: str, close: str) -> None:
    with pytest.raises(ConfigError, match="unknown Beam flag") as caught:
        parse_flags((flag,))
    assert close in str(caught.value.remedy)


@pytest.mark.parametrize(
    "args", [("--direct_num_workers=many",), ("--direct_running_mode=x",), ("stray",)], ids=str
)
def test_a_wrong_value_ends_no_process(args) -> None:
    with pytest.raises(ConfigError):
        parse_flags(args)


def test_a_portable_runners_strangers_wait_for_the_job_server() -> None:
    assert find_unknown_flags((*PORTABLE, "--object_reuse_x", "2", "--faster")) == [
        "--object_reuse_x",
        "--faster",
    ]
    parse_flags((*PORTABLE, "--object_reuse_x", "2"))


@pytest.mark.parametrize(
    ("args", "elsewhere"),
    [
        ((), False),
        (("--direct_running_mode=multi_processing",), False),
        ((*PORTABLE,), True),
        ((*PORTABLE, "--environment_type=LOOPBACK"), False),
        ((*PORTABLE, "--environment_type=EXTERNAL"), True),
        (("--runner=PortableRunner", "--job_endpoint=embed"), False),
        (("--runner=FlinkRunner",), False),
        (("--runner=FlinkRunner", "--flink_master=host:8081"), True),
        (("--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",), False),
        (("--runner=DataflowRunner",), True),
    ],
    ids=str,
)
def test_where_workers_are(args, elsewhere: bool) -> None:
    assert workers_are_elsewhere(args) is elsewhere


def test_runners_of_this_process_pass_through() -> None:
    args = ("--runner=FnApiRunner", "--direct_num_workers=1")
    with connect_job_server(args) as same:
        assert same == args


def test_a_portable_runner_needs_an_endpoint() -> None:
    with (
        pytest.raises(ConfigError, match="no job server"),
        connect_job_server(("--runner=PortableRunner",)),
    ):
        pass
