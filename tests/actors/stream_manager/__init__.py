"""StreamManager, alone with fakes of its neighbours."""
