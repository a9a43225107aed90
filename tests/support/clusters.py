"""Start real runners as processes: Flink, Spark, Prism, Beam's job service, worker pools."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from free_ports import free_port

HOME = Path(__file__).resolve().parents[2]
FETCHED = Path(os.environ.get("PENSTOCK_RUNNERS", HOME / ".runners"))
INSTALL = "make runners"
_OPENS = [
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in (
        "java.lang",
        "java.lang.invoke",
        "java.net",
        "java.nio",
        "java.util",
        "java.util.concurrent",
        "sun.nio.ch",
        "sun.security.action",
    )
]
# JVMs that live for minutes, several beside one another: less to compile, one thread that collects.
_SMALL_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"


_PACKAGES = {
    "java": "openjdk-17-jre-headless",
    "crontab": "cron",
    "systemd-analyze": "systemd",
}  # of Debian
_JAVA = {"flink", "spark", "flink-job-server", "spark-job-server"}


def missing(*names: str) -> str | None:
    """Return the command that installs what is missing, or None."""
    programs = {name for name in names if name in _PACKAGES} | (
        {"java"} if _JAVA & {*names} else set()
    )
    for program in sorted(programs):
        if shutil.which(program) is None:
            return f"{program} is missing: apt-get install {_PACKAGES[program]}"
    names = tuple(name for name in names if name not in _PACKAGES)
    absent = [name for name in names if not (FETCHED / name / ".complete").exists()]
    return f"{', '.join(absent)} missing in {FETCHED}: {INSTALL}" if absent else None


@dataclass
class Processes:
    """Processes with a log each in `folder`; they die with the block, and with this process."""

    folder: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    begun: dict[str, Callable[[], None]] = field(default_factory=dict)  # starts it again

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.begun[name] = lambda: self.start(name, command, env=env, cwd=cwd)
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *map(str, command)],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=cwd or self.folder,
                env={**os.environ, "JAVA_TOOL_OPTIONS": _SMALL_JVM, **(env or {})},
                start_new_session=True,
            )
        self.running[name] = process

    def kill(self, name: str) -> None:
        process = self.running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_all(self) -> None:
        for name in list(self.running):
            self.kill(name)

    def until(self, ready: Callable[[], bool], what: str, seconds: float = 180) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for name, process in self.running.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended:\n{self.log(name)[-2000:]}")
            with contextlib.suppress(OSError):
                if ready():
                    return
            time.sleep(0.2)
        raise RuntimeError(f"{what} is not ready after {seconds:.0f} s")

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")


@dataclass
class Runner:
    """A runner that is up: flags that lead to it, and the processes behind."""

    endpoint: str  # HOST:PORT of the job service
    processes: Processes
    more: tuple[str, ...] = ()  # flags that it needs besides
    page: str = ""  # its REST address
    master: str = ""  # Spark's own address

    @property
    def args(self) -> tuple[str, ...]:
        """Make flags with which workers are threads of this process."""
        return self._args("LOOPBACK")

    def external(self, pool: str) -> tuple[str, ...]:
        """Make flags with which workers are those of a pool, HOST:PORT."""
        return (*self._args("EXTERNAL"), f"--environment_config={pool}")

    def _args(self, environment: str) -> tuple[str, ...]:
        return (
            "--runner=PortableRunner",
            f"--job_endpoint={self.endpoint}",
            f"--environment_type={environment}",
            *self.more,
        )

    def ask(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(f"{self.page}{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"{}")


def listens(port: int) -> Callable[[], bool]:
    def ready() -> bool:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True

    return ready


@contextlib.contextmanager
def _processes(folder: Path) -> Iterator[Processes]:
    folder.mkdir(parents=True)
    processes = Processes(folder)
    try:
        yield processes
    finally:
        processes.kill_all()


@contextlib.contextmanager
def job_service(folder: Path) -> Iterator[Runner]:
    """Start Beam's own job service in Python: FnApiRunner behind gRPC."""
    with _processes(folder) as processes:
        port = free_port()
        module = "apache_beam.runners.portability.local_job_service_main"
        processes.start("job-service", [sys.executable, "-m", module, "-p", str(port)])
        processes.until(listens(port), "the job service")
        yield Runner(f"127.0.0.1:{port}", processes)


@contextlib.contextmanager
def prism(folder: Path) -> Iterator[Runner]:
    """Start Beam's runner in Go."""
    with _processes(folder) as processes:
        port, web = free_port(), free_port()
        program = FETCHED / "prism" / "prism"
        processes.start("prism", [program, f"--job_port={port}", f"--web_port={web}"])
        processes.until(listens(port), "Prism")
        yield Runner(f"127.0.0.1:{port}", processes, page=f"http://127.0.0.1:{web}")


@contextlib.contextmanager
def worker_pool(
    folder: Path, *, home: Path = HOME, under: Sequence[str] = (), first: Path | None = None
) -> Iterator[str]:
    """A worker pool in an environment of its own: nothing of the launching process but Penstock.

    Args:
        folder: for its log.
        home: the checkout whose Penstock its workers have.
        under: a command that runs the pool, to take something from it.
        first: the folder with its workers' `python`; None: that of this process.
    """
    with _processes(folder) as processes:
        port = free_port()
        module = "apache_beam.runners.worker.worker_pool_main"
        path = f"{first or Path(sys.executable).parent}:/usr/bin:/bin"
        clean = ["env", "-i", f"PATH={path}", f"PYTHONPATH={home}", "TF_CPP_MIN_LOG_LEVEL=2"]
        pool = [*under, *clean, sys.executable, "-m", module, f"--service_port={port}"]
        processes.start("pool", pool, cwd=folder)
        processes.until(listens(port), "the worker pool")
        yield f"127.0.0.1:{port}"


def jar_of(name: str, folder: Path) -> Path:
    """Make the one jar that Beam starts of a job server: empty, its manifest names the others.

    Args:
        name: flink or spark.
        folder: where the jar is written.
    """
    libraries = sorted((FETCHED / f"{name}-job-server" / "lib").glob("*.jar"))
    main = f"org.apache.beam.runners.{name}.{name.capitalize()}JobServerDriver"
    if name == "spark":
        libraries += sorted((FETCHED / "spark" / "pyspark" / "jars").glob("*.jar"))
    path = " ".join(library.as_uri() for library in libraries)
    header = f"Class-Path: {path}"
    # a line of a manifest has 72 bytes at most; it goes on behind a space
    lines = [header[:70], *(f" {header[i : i + 69]}" for i in range(70, len(header), 69))]
    manifest = "\r\n".join(["Manifest-Version: 1.0", f"Main-Class: {main}", *lines, "", ""])
    jar = folder / f"{name}-job-server.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", manifest)
    return jar


def _there_already(folder: Path, *libraries: Path) -> str:
    """The class path of a job server whose cluster has all of these folders' jars.

    With each job Beam sends all that its job server was started from, 150 MB and more, and the
    cluster loads it again. It leaves out only what has `gradle/wrapper` in its name; it would
    follow symbolic links.
    """
    here = folder / "gradle" / "wrapper"
    for library in libraries:
        shutil.copytree(library, here / library.parent.name, copy_function=_link)
    return ":".join(f"{here / library.parent.name}/*" for library in libraries)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or another's file
        shutil.copy(source, target)


@contextlib.contextmanager
def flink(
    folder: Path, *, task_managers: int = 2, slots: int = 2, network: str = "640m"
) -> Iterator[Runner]:
    """A JobManager, TaskManagers and Beam's job server; Beam's jars lie beside Flink's own."""
    with _processes(folder) as processes:
        page, rpc, port = free_port(), free_port(), free_port()
        config = {
            "jobmanager": {
                "rpc": {"address": "127.0.0.1", "port": rpc},
                "memory": {"process": {"size": "1024m"}},
            },
            "taskmanager": {"host": "127.0.0.1", "numberOfTaskSlots": slots},
            "rest": {"address": "127.0.0.1", "bind-address": "127.0.0.1", "port": page},
            "parallelism": {"default": 1},
            "classloader": {"resolve-order": "parent-first"},
            "io": {"tmp": {"dirs": str(folder)}},
            "heartbeat": {"timeout": 10000, "interval": 2000},
            "slot": {"request": {"timeout": 20000}},
        }
        (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
        (folder / "log4j.properties").write_text(
            "rootLogger.level = INFO\nrootLogger.appenderRef.c.ref = C\n"
            "appender.c.name = C\nappender.c.type = CONSOLE\n"
        )
        beam = (FETCHED / "flink-job-server" / "lib").glob("*.jar")
        path = ":".join(
            [
                f"{FETCHED / 'flink' / 'pyflink' / 'lib'}/*",
                *(str(jar) for jar in sorted(beam) if not jar.name.startswith("flink-")),
            ]
        )
        java = ["java", *_OPENS, f"-Dlog4j.configurationFile=file:{folder}/log4j.properties"]
        at = ["--configDir", str(folder)]
        entry = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
        processes.start("job-manager", [*java, "-Xmx512m", "-cp", path, entry, *at])
        jvm, dynamic = _task_manager_flags(folder, network)
        entry = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
        for number in range(task_managers):
            command = [*java, *jvm, "-cp", path, entry, *at, *dynamic]
            processes.start(f"task-manager-{number}", command)
        _flink_job_server(processes, page, port)
        runner = Runner(
            f"127.0.0.1:{port}",
            processes,
            ("--parallelism=2", f"--flink_master=http://127.0.0.1:{page}"),
            f"http://127.0.0.1:{page}",
        )
        processes.until(listens(port), "Flink's job server")
        processes.until(
            lambda: runner.ask("/overview")["taskmanagers"] == task_managers, "Flink's workers"
        )
        yield runner


def _flink_job_server(processes: Processes, page: int, port: int) -> None:
    path = _there_already(processes.folder, FETCHED / "flink-job-server" / "lib")
    entry = "org.apache.beam.runners.flink.FlinkJobServerDriver"
    processes.start(
        "job-server",
        [
            *("java", "-Xmx768m", "-cp", path, entry),
            *(f"--flink-master=127.0.0.1:{page}", *_job_server_flags(processes.folder, port)),
        ],
    )


def _job_server_flags(folder: Path, port: int) -> list[str]:
    return [
        "--job-host=127.0.0.1",
        f"--job-port={port}",
        f"--artifact-port={free_port()}",
        f"--expansion-port={free_port()}",
        f"--artifacts-dir={folder / 'artifacts'}",
    ]


def _task_manager_flags(folder: Path, network: str) -> tuple[list[str], list[str]]:
    """JVM's and Flink's own flags, as Flink's calculator prints them."""
    home = FETCHED / "flink" / "pyflink"
    jar = next((home / "lib").glob("flink-dist-*.jar"))
    wanted = {
        "taskmanager.memory.process.size": "2560m",
        "taskmanager.memory.network.min": network,
        "taskmanager.memory.network.max": network,
    }
    printed = subprocess.run(
        [
            *("java", "-cp", f"{home / 'bin' / 'bash-java-utils.jar'}:{jar}"),
            "org.apache.flink.runtime.util.bash.BashJavaUtils",
            *("GET_TM_RESOURCE_PARAMS", "--configDir", str(folder)),
            *(word for name, value in wanted.items() for word in ("-D", f"{name}={value}")),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    mark = "BASH_JAVA_UTILS_EXEC_RESULT:"
    jvm, dynamic = (
        line.removeprefix(mark).split() for line in printed.splitlines() if line.startswith(mark)
    )
    return jvm, dynamic


def spark_jvm() -> list[str]:
    """Make the options of the JVM of a Spark job server."""
    lib = FETCHED / "spark-job-server" / "lib"
    return [
        *_OPENS,
        f"-Dspark.executor.extraClassPath={lib}/*",
        f"-Dspark.executor.extraJavaOptions={' '.join(_OPENS)}",
        "-Dspark.driver.host=127.0.0.1",
    ]


@contextlib.contextmanager
def spark(folder: Path) -> Iterator[Runner]:
    """Start a standalone master, a worker and Beam's job server."""
    with _processes(folder) as processes:
        master, page, port = free_port(), free_port(), free_port()
        home = FETCHED / "spark" / "pyspark"
        env = {
            "SPARK_HOME": str(home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_NO_DAEMONIZE": "1",
            "SPARK_LOCAL_DIRS": str(folder / "local"),
        }
        run = [home / "bin" / "spark-class"]
        at = ["--host", "127.0.0.1", "--port", str(master), "--webui-port", str(page)]
        processes.start("master", [*run, "org.apache.spark.deploy.master.Master", *at], env=env)
        processes.until(listens(master), "Spark's master")
        size = ["--cores", "2", "--memory", "3g", "--work-dir", str(folder / "work")]
        url = f"spark://127.0.0.1:{master}"
        worker = ["org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", *size]
        processes.start("worker", [*run, *worker, "--webui-port", str(free_port()), url], env=env)
        libraries = (FETCHED / "spark-job-server" / "lib", home / "jars")
        path = _there_already(folder, *libraries)
        processes.start(
            "job-server",
            [
                *("java", *spark_jvm(), "-Xmx1g", "-cp", path),
                "org.apache.beam.runners.spark.SparkJobServerDriver",
                f"--spark-master-url={url}",
                *_job_server_flags(folder, port),
            ],
            env=env,
        )
        runner = Runner(f"127.0.0.1:{port}", processes, page=f"http://127.0.0.1:{page}", master=url)
        processes.until(listens(port), "Spark's job server")
        processes.until(lambda: runner.ask("/json/")["aliveworkers"] == 1, "Spark's worker")
        yield runner
