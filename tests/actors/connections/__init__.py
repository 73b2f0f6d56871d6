"""ConnectionManager, alone with fakes of its neighbours, and in the tree."""
