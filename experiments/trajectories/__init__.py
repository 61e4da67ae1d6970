"""Trajectories over a hyperparameter: the paper's tasks that a laptop can do, and controls."""
