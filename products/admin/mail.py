"""Mail: the status of the notices to customers. Staff can view it and send a notice again."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from products import policies
from products.admin.actions import ReadOnlyMixin
from products.admin.orders import OrderIdSearchMixin
from products.mail.queueing import send_again
from products.models import Mail


@admin.register(Mail)
class MailAdmin(OrderIdSearchMixin, ReadOnlyMixin, admin.ModelAdmin):
    actions = ["send_selected_again"]

    list_display = (
        "queued_at",
        "kind",
        "order",
        "recipient",
        "state",
        "attempts",
        "next_attempt_at",
        "sent_at",
        "error",
    )
    list_filter = ["state", "kind"]
    list_select_related = ["event__order"]
    search_fields = ["=recipient"]
    search_help_text = "By the recipient's address, or the id of an order."
    order_field = "event__order"
    ordering = ["-id"]
    show_full_result_count = False
    fields = (*list_display, "copies")

    @admin.display
    def order(self, mail: Mail) -> Any:
        return mail.event.order

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return policies.is_staff_with(request.user, policies.RESEND_MAIL)

    @admin.action(description="Send selected mails again", permissions=["resend"])
    def send_selected_again(self, request: HttpRequest, mails: QuerySet[Mail]) -> None:
        selected = list(mails.select_related("event"))
        queued = [mail for mail in selected if send_again(mail)]
        for mail in queued:
            self.log_change(request, mail, "Sent again.")
        level = messages.SUCCESS if queued else messages.WARNING
        sentence = f"{len(queued)} of {len(selected)} will be sent again. Those that wait or have no address are not."
        self.message_user(request, sentence, level)
