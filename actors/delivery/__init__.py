"""One subscription's way from a connection to its topic. No clock, no task: times are arguments, effects are callbacks.

pace        how long a channel is normally quiet, learned
cursors     where numbered events were, for who carries them next
line        numbered events in order: what is missing, what is held back for it, what is said twice
route       what consumers are told: data, and a marker for every hole
numbered    a route of numbered events, whose holes are filled
booked      a route of a book, kept in step
unanswered  what was asked for, and neither confirmed nor delivered
aside       what the exchange refuses, until it is asked for again
watch       who is quiet for too long, and what to do about it
"""
