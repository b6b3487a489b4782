"""What the four services share. Imported, never run; knows none of them."""
