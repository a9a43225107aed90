"""Renders a schedule as a CronJob of Kubernetes."""

from __future__ import annotations

import re
from typing import Any

from data.errors import ConfigError
from pipeline.schedule.emit.job import Clock, Job
from pipeline.schedule.emit.times import convert_interval

_LONGEST = 52  # maximum letters of a CronJob's name; Kubernetes appends more
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|[kKMGT]i?)?")
_MIN_DEADLINE = 60  # seconds; Kubernetes checks every ten


def render_cron_job(
    job: Job,
    *,
    image: str,
    cpu: str = "2",
    memory: str = "4Gi",
    gpu: int = 0,
    claim: str = "penstock",
) -> str:
    """Render the manifest, as YAML.

    Args:
        job: the schedule.
        image: a container image with `penstock` on its path.
        cpu: requested cores, as a Kubernetes quantity: 2 or 500m.
        memory: requested memory and its limit, as a Kubernetes quantity: 4Gi.
        gpu: number of NVIDIA GPUs.
        claim: the PersistentVolumeClaim that holds the root.

    Raises:
        ConfigError: Kubernetes cannot express the times, or a quantity is invalid.
    """
    import yaml

    for option, value in (("--cpu", cpu), ("--memory", memory)):
        if not _QUANTITY.fullmatch(value):
            raise ConfigError(f"invalid quantity {option} {value!r}", expected="2, 500m, 4Gi, …")
    text: str = yaml.safe_dump(
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": _name(job), "labels": _labels(job)},
            "spec": _spec(job, _pod(job, image, _resources(cpu, memory, gpu), claim)),
        },
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )
    return f"# Penstock's schedule {job.name}: {job.description}.\n{text}"


def _spec(job: Job, pod: dict[str, Any]) -> dict[str, Any]:
    if isinstance(job.when, Clock):
        when, zone = job.when.times.cron(), job.when.zone
    else:
        when, zone = convert_interval(job.when), "UTC"
    late = (
        {"startingDeadlineSeconds": max(_MIN_DEADLINE, round(job.grace))}
        if job.missed == "skip"
        else {}
    )
    return {
        "schedule": when,
        "timeZone": zone,
        "concurrencyPolicy": "Forbid",
        **late,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 3,
        "jobTemplate": {
            "spec": {
                "backoffLimit": 0,  # a failed verdict would fail again
                "template": {"metadata": {"labels": _labels(job)}, "spec": pod},
            }
        },
    }


def _pod(job: Job, image: str, resources: dict[str, Any], claim: str) -> dict[str, Any]:
    container = {
        "name": "tick",
        "image": image,
        "command": ["penstock", *job.tick],
        "workingDir": job.folder,
        "resources": resources,
        # At the same path as outside, as the ledger contains paths.
        "volumeMounts": [{"name": "root", "mountPath": str(job.root)}],
    }
    if job.variables:
        container["env"] = [
            {
                "name": name,
                "valueFrom": {"secretKeyRef": {"name": _name(job), "key": name}},
            }
            for name in job.variables
        ]
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 30,
        "containers": [container],
        "volumes": [{"name": "root", "persistentVolumeClaim": {"claimName": claim}}],
    }


def _resources(cpu: str, memory: str, gpu: int) -> dict[str, Any]:
    gpus = {"nvidia.com/gpu": gpu} if gpu else {}
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory, **gpus}}


def _labels(job: Job) -> dict[str, str]:
    return {"app.kubernetes.io/name": "penstock", "app.kubernetes.io/instance": _name(job)}


def _name(job: Job) -> str:
    name = "penstock-" + re.sub(r"[._]", "-", job.name).strip("-")
    if len(name) > _LONGEST:
        raise ConfigError(
            f"{name!r} is too long for a CronJob",
            expected=f"at most {_LONGEST} letters",
            remedy="add the schedule again with a shorter --name",
        )
    return name
