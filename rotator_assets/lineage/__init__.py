"""What assets are made from: partitions, inputs, observed results, what an asset may read, what is stale."""
