"""Jobs that run elsewhere: on a job server, or on Dataflow."""
