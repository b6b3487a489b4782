"""What services say to each other: topics, events, control messages, objects. Standard library
and pydantic only, so that anybody can import it."""
