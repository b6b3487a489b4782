"""Any sales file, sent through the real topics: python -m generator.imports FILE --map MAP."""
