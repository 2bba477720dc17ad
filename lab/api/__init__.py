"""HTTP over `lab.investigation`: what the training pages, scripts and agents use alike. Imported by commands alone."""
