"""What a StreamManager keeps: who wants what, which stream carries it, which symbols there are.

wants          counted, by whom
packing        which subscription goes onto which stream
symbol_list    what the exchange has
fleet          the streams that run
subscribing    which subscription a feed's topic stands for
"""
