"""The request plane: requests advanced hop by hop over tables of numbers, compiled where that is possible."""
