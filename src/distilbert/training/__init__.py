"""What every framework's training shares: run cards, schedules, feeds, sessions, logs, reports.

Plain Python and NumPy. Gradients never come here.
"""
