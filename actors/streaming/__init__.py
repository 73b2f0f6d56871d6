"""How a Stream reaches the exchange.

link          the way there and back, again and again; hand-overs and spares
connection    one open connection, from its lease to its end
poller        REST instead, while the protocol fallback is in force
counts        what a stream counts and reports
"""
