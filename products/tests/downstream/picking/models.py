"""What a warehouse adds to the shop: who picks which order."""

from django.db import models

from products.models import Order


class PickingList(models.Model):
    """An order that somebody fetches from the shelves."""

    order = models.OneToOneField(Order, models.PROTECT, related_name="picking_list")
    picker = models.CharField(max_length=100)

    def __str__(self):
        return f"{self.picker}: {self.order}"

    def finish(self, tracking_number):
        """Ship the order, which is all there."""
        self.order.ship(carrier="Parcel Post", tracking_number=tracking_number)
