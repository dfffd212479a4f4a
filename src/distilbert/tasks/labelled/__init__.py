"""The five tasks with labels: rows to examples, examples to features, outputs to scores.

NumPy only, like all tasks. A task here is a frozen dataclass of its options that keeps to the
protocol in `task.py`.
"""
