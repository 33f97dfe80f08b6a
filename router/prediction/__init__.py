"""What an encoding will cost, and what the neural codec will save, before anything is encoded."""
