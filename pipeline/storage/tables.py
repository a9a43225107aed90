"""The ledger's tables."""

from __future__ import annotations

import sqlalchemy as sa

meta = sa.MetaData()
runs = sa.Table(
    "runs",
    meta,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("pipeline", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("verdict", sa.String),
    sa.Column("exit_code", sa.Integer),
    sa.Column("started", sa.Float, nullable=False),  # seconds since the epoch
    sa.Column("seconds", sa.Float),
    sa.Column("config", sa.JSON, nullable=False),
)
executions = sa.Table(
    "executions",
    meta,
    sa.Column("run_id", sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("step", sa.String, primary_key=True),
    sa.Column("component", sa.String, nullable=False),
    sa.Column("fingerprint", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("error", sa.String),
)
artifacts = sa.Table(
    "artifacts",
    meta,
    sa.Column("fingerprint", sa.String, primary_key=True),
    sa.Column("output", sa.String, primary_key=True),
    sa.Column("type", sa.String, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
)
models = sa.Table(  # all that steps ever made, though others took their place since
    "models",
    meta,
    sa.Column("digest", sa.String, primary_key=True),  # of the model's bundle
    sa.Column("fingerprint", sa.String, nullable=False),  # of the step that made it
)
lineage = sa.Table(
    "lineage",
    meta,
    sa.Column("fingerprint", sa.String, primary_key=True),
    sa.Column("input", sa.String, primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True),  # where the input is a list
    sa.Column("source", sa.String, nullable=False),  # fingerprint of the step that made it
    sa.Column("output", sa.String, nullable=False),
)
pushes = sa.Table(  # by `penstock push`: those of runs are artifacts
    "pushes",
    meta,
    sa.Column("run_id", sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("digest", sa.String, nullable=False),  # of the model's bundle
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("served_path", sa.String, primary_key=True),
    sa.Column("time", sa.Float, nullable=False),  # seconds since the epoch
    sa.Column("by", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column(
        "rules", sa.JSON, nullable=False
    ),  # those that were overruled: name -> what it needed
)
trusted_models = sa.Table(  # of others, which somebody lets this root load
    "trusted_models",
    meta,
    sa.Column("digest", sa.String, primary_key=True),
    sa.Column("path", sa.String, nullable=False),  # where it lay then
    sa.Column("time", sa.Float, nullable=False),  # seconds since the epoch
    sa.Column("by", sa.String, nullable=False),
)
file_digests = sa.Table(
    "file_digests",
    meta,
    sa.Column("path", sa.String, primary_key=True),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("mtime_ns", sa.Integer, nullable=False),
    sa.Column("ctime_ns", sa.Integer, nullable=False),
    sa.Column("inode", sa.Integer, nullable=False),
    sa.Column("digest", sa.String, nullable=False),
)
