"""Fine-tuning and evaluation, put together: data, task, training and a framework's room.

The room is chosen by name, as the pipelines choose theirs.
"""
