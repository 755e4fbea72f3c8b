"""Columns and tables, image tensors, trained networks, and the IO managers that write them."""
