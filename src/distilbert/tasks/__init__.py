"""What each task means, in NumPy: examples become token windows, model outputs become answers.

Nothing here knows a framework, a checkpoint or where the numbers were computed.
"""
