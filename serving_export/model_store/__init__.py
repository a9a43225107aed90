"""The serving directory: pushed versions, the way back, what is kept, and what serves now."""
