"""Work in other processes: those of this machine, or of a Dask cluster."""
