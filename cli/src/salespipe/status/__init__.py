"""salespipe status: is it healthy, how fresh is it, where does it stand; in two seconds."""
