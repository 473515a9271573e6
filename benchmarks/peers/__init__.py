"""The frameworks people use today beside this project: the same prompts, the same endpoint, one core."""
