"""Which values: distributions, Monte Carlo, sweeps, corners."""
