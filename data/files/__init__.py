"""Files on disk: written whole or not at all, and looked at before libraries read them."""
