"""The rooms: what each can be asked, as functions that return what JSON can hold."""
