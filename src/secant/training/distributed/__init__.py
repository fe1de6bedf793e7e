"""The processes of one run: their rendezvous, and their collective operations."""
