"""salespipe verify: the promise, proven against the real ends."""
