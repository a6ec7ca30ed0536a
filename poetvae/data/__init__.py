"""From files to numbered poems to batches."""
