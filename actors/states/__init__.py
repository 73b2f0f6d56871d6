"""What a StateManager keeps: links, endpoints, and the fallbacks in force.

link_record       one link: its state machine, its source of data
venue_record      what is short, and whether REST answers
link_fallbacks    polling and cache, link by link
venue_fallbacks   rate and partial service, for all
endpoint_roles    which endpoints come first, role by role
fallback_board    what is in force, said and remembered
"""
