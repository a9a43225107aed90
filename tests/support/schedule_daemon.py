"""Run a daemon that starts `schedule_child.py`: `schedule_daemon.py ROOT SECONDS [UNTIL]`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from pipeline.schedule.daemon.daemon import Daemon
from pipeline.schedule.daemon.launcher import ProcessLauncher

root, seconds, *until = sys.argv[1:]
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
child = (sys.executable, str(Path(__file__).with_name("schedule_child.py")), seconds)
daemon = Daemon(
    Path(root),
    ProcessLauncher(Path(root), child),
    until=float(until[0]) if until else None,
)
code = daemon.run()
heavy = {"tensorflow", "apache_beam", "numpy", "keras", "rich", "scipy"} & set(sys.modules)
sys.exit(f"loaded {heavy}" if heavy else code)
