"""What each task means, in NumPy: one folder per task.

Examples become token windows and model outputs become answers (`predict.py`), rows become labelled
features (`train.py`), and answers are scored (`metrics.py`). Nothing here knows a framework or a
checkpoint.
"""
