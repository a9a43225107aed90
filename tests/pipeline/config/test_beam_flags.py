from __future__ import annotations

import click
import pytest

from data.errors import ConfigError
from pipeline.cli.app import refuse_strangers
from pipeline.cli.main import call, penstock
from pipeline.config.beam_flags import read_beam_table


def test_a_table_becomes_flags():
    table = {
        "runner": "FlinkRunner",
        "parallelism": 2,
        "save_main_session": True,
        "streaming": False,
        "experiments": ["a", "b=1"],
    }
    assert read_beam_table(table) == (
        "--runner=FlinkRunner",
        "--parallelism=2",
        "--save_main_session",
        "--experiments=a",
        "--experiments=b=1",
    )


@pytest.mark.parametrize("table", [3, {"runner": {"name": "FlinkRunner"}}])
def test_what_cannot_be_a_flag_is_refused(table):
    with pytest.raises(ConfigError):
        read_beam_table(table)


def test_strangers_are_refused_with_the_close_match():
    refuse_strangers((), ["--root"])
    with pytest.raises(click.NoSuchOption) as found:
        refuse_strangers(("--rooot=x",), ["--root", "--only"])
    assert "--beam" in found.value.format_message()
    assert "--root" in found.value.format_message()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["run", "digits", "--runner=FlinkRunner"], "add --beam"),
        (["run", "digits", "--epochs", "5"], "--set train.epochs=…"),
        (["run", "digits", "--batch-size=5"], "--set train.batch_size=…"),
        (["run", "digits", "--set", "epochs=3"], "train.epochs=…"),
        (["run", "digits", "--set", "seed=-1"], "seed is out of range"),
        (["run", "digits", "more"], "what is 'more'"),
        (["run", "--beam", "--runner", "FlinkRunner", "digits"], "the recipe comes before"),
    ],
)
def test_the_command_line_says_where_flags_belong(args, words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call(args) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_config_file_s_flags_are_printed_again(tmp_path, capsys):
    file = tmp_path / "mine.toml"
    file.write_text('seed = 3\n[beam]\nrunner = "FlinkRunner"\nparallelism = 2\n')
    assert call(["config", "digits", "--config", str(file)]) == 0
    printed = capsys.readouterr().out
    assert '[beam]\nrunner = "FlinkRunner"\nparallelism = 2' in printed
    assert "seed = 3" in printed


@pytest.mark.slow
def test_no_option_of_ours_is_called_as_one_of_beam_s():
    from apache_beam.options.pipeline_options import PipelineOptions

    known = PipelineOptions([]).get_all_options()
    ours = {
        name.removeprefix("--").replace("-", "_")
        for command in ("run", "submit", "doctor")
        for param in penstock().commands[command].params
        for name in param.opts
        if name.startswith("--")
    }
    assert not ours & set(known)
