"""The commands about runs: run, submit, attach, cancel, runs, show, report."""
