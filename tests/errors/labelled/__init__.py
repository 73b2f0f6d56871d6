"""Real shapes of errors, each with what an expert says of it: the category, and what a bot has to do.

The labels were written before the rules of `actors.errors` were, from what the exchanges and the libraries document and from
what their users report; the source stands above each block. They are not changed to fit a rule. Where one was wrong, it was
changed because it was wrong, and a comment says so.

How it was decided, where that is a matter of convention:

* "unknown outcome" whenever the request can have reached the other side and its answer has not come, or cannot be read.
  "Certainly not carried out" (network, exchange, rate limit) only where that is certain, for a request that places an order.
* A refusal that concerns an order (balance, filters, prices, the order is not known) is "order"; one that concerns how a
  request is written (a missing parameter, an unknown symbol) is "validation".
* A wrong clock is "system", to be resynchronised; so is a nonce.
* A frame that cannot be read is "data feed", to be resynchronised; an answer that cannot be read has an unknown outcome.
* What needs a person, or another program, is "never".
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.errors.labelled import ccxt_errors, envelopes, later, libraries, machine, network, second_sample, statuses
from tests.errors.labelled.shape import Shape

BLOCKS = (statuses, network, libraries, machine, envelopes, ccxt_errors, later, second_sample)


def shapes() -> Iterator[Shape]:
    """All of them, in a fixed order."""
    for block in BLOCKS:
        yield from block.SHAPES
