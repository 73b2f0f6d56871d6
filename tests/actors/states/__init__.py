"""StateManager, alone with fakes of its neighbours."""
