"""What people read: the trace of a label, its history, its page, the index and the report."""
