"""Plans, runs, worker processes, sensors and the output of the command line."""
