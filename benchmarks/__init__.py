"""Speed and memory of this project next to plain scripts that do the same work, on the same machine and in one run."""
