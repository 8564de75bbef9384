"""What an own warehouse prints: each module draws one kind of paper, `waves` and `documents` read what stands on it."""
