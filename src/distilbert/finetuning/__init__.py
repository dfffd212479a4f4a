"""Fine-tuning, evaluation and searches, assembled from data, task, training and a framework.

The framework is chosen by name, as in the pipelines.
"""
