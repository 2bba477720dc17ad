"""The investigation API as tools of the Model Context Protocol, so that an agent solves an exercise as people do."""
