"""How chunks are run: serial, Dask."""
