"""The scenarios that users of other clients suffer from, each against the simulator over real sockets, on both loops.

Their numbers are those of the project's list of facts about exchanges; each file names the issues that its scenario comes from.
"""
