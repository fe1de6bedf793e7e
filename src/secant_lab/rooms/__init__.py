"""The rooms: the endpoints of each as functions that return JSON values."""
