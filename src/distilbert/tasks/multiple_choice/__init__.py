"""Multiple choice: which of several continuations fits a prompt best."""
