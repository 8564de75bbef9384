"""The buyers' page: where is my order."""
