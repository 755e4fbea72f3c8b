"""The answer: the results of all trainings in a few sentences, one figure, and the caveats that apply."""
