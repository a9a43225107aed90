"""Check the environment of runs: machine, runner, libraries, packages; start a new project."""
