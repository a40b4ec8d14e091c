"""The parts of `gpu_report.py`: what is run on a GPU, measured there, and written down."""
