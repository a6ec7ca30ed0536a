"""From z to poems."""
