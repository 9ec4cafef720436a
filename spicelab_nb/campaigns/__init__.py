"""The facade: simulator, samples, store and executor make a run."""
