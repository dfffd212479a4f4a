"""The PyTorch package: modules, heads, losses, loading, and the runner.

Importing this package imports no framework; its files do.
"""
