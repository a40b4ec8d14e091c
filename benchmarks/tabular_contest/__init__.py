"""The parts of `tabular.py`: data sets, methods, one run in its own process, results, tables."""
