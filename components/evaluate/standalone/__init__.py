"""Judge two SavedModels without a pipeline; they are loaded in a process of their own."""
