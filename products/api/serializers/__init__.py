"""What goes over the wire: the bodies of requests, which are checked with these, and of answers, which are described.

Answers are made by the plain functions in `bodies.py`; a test holds both to the same members.
"""
