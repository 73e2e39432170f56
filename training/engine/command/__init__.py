"""`python -m training.engine METHOD`: the trainings that rounds run, for a file and a folder."""
