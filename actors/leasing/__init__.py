"""What a ConnectionManager grants by. All but `news` and `memory` is pure.

budget      connection attempts and REST weight of our address, and its bans
machine     the decision: which endpoint, through which breaker, or why none
memory      what survives a restart
news        what others are told
"""
