"""The assets of the pipeline, one module a group: thin, declarative, with no science of their own."""
