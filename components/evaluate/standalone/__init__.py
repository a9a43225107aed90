"""Judge two SavedModels without a pipeline; they are loaded in a child process."""
