"""The parts of `gpu_report.py`: the checks and measurements on a GPU, and the report."""
