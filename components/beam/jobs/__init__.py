"""Watch and cancel jobs that run on a job server or on Dataflow."""
