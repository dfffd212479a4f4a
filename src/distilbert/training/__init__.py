"""What training shares in all frameworks: run cards, schedules, batches, the loop, logs, reports.

Plain Python and NumPy; gradients stay in the framework packages.
"""
