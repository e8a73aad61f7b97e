"""The use cases: validating and placing orders, the cart, and stock adjustments.

Placement, validation and stock adjustment are the steps behind the verbs of Order and Product, so they sit between
those models and the tables they write; the cart sits above the models.
"""
