"""What worlds with a learned model share: signals of the features that were served and of the predictions made."""
