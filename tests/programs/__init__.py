"""Random programs: trees that fail in every way at random moments, and what must hold whatever happens.

    python -m tests.programs SEED [--backend trio|asyncio]     one program, as text and with its verdict

program.py     what a program is: data, made from a seed alone, printable
generator.py   a seed makes a program
children.py    actors and tasks that do as the program says, and write down what they do
words.py       what an actor does with what it owns: links, idle messages, state, registries
mistakes.py    the errors, and what the rules of a child say about each
journal.py     what happened, and what must never happen: checked while it happens
lives.py       ... of one life
fates.py       ... of rules for errors, requests to stop the tree, significant children
bonds.py       ... of links
belongings.py  ... of state, registries, pools, queues that are drained
verdict.py     what must hold when all is quiet, and when the tree has ended
runner.py      runs a program on one loop, in virtual time
"""
