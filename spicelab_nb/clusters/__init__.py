"""Where chunks run, and the registry of live clusters."""
