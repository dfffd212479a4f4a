"""Models in int8: which layers, by how much the metric drops, and the file. Knows no framework."""
