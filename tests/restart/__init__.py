"""The restart machine by example. The numbers behind the tests are items of `supervision-semantics.md`."""
