"""The drills: four faults, done to a bot of ours and to clients that others wrote, and what each of them lost."""
