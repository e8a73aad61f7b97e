"""The second factor of staff: codes of an app (TOTP), and recovery codes in case the app is lost (django-otp).

A user has one device. It counts once it is confirmed with a code.
"""

import math
from typing import Any

import django_otp
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from products import metrics
from products.audit_log import SecurityEvent, record
from products.models.login_attempts import LoginCounter

RECOVERY_CODES = 8


def device_of(user: User) -> Any:
    """Return the user's confirmed device, or None."""
    return TOTPDevice.objects.devices_for_user(user, confirmed=True).first()


def pending_of(user: User) -> Any:
    """Return the device that the user has set up and not confirmed yet, or None."""
    return TOTPDevice.objects.devices_for_user(user, confirmed=False).first()


def recovery_codes_left(user: User) -> int:
    """Return how many recovery codes the user has not used yet."""
    left: int = StaticToken.objects.filter(device__user=user).count()
    return left


def set_up(user: User) -> None:
    """Give the user a device with a new secret, which is still to be confirmed; do nothing if there is one."""
    with transaction.atomic():
        _lock(user)
        if not TOTPDevice.objects.filter(user=user).exists():
            TOTPDevice.objects.create(user=user, name="App", confirmed=False)


def confirm(user: User, code: str, request: HttpRequest) -> list[str]:
    """Confirm the user's device and return new recovery codes. Only this session of the user goes on.

    Raises ValidationError if the code is wrong, or is not looked at after too many wrong ones.
    """
    device = _verified(user, pending_of(user), code, request)
    with transaction.atomic():
        _lock(user)
        TOTPDevice.objects.filter(pk=device.pk).update(confirmed=True)
        StaticDevice.objects.filter(user=user).delete()
        recovery = StaticDevice.objects.create(user=user, name="Recovery codes")
        codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
        StaticToken.objects.bulk_create(StaticToken(device=recovery, token=token) for token in codes)
    device.confirmed = True
    request.session.cycle_key()
    django_otp.login(request, device)
    _end_other_sessions(user, request)
    record(SecurityEvent.SECOND_FACTOR_ADDED, request, user=user.pk)
    return codes


def verify(user: User, code: str, request: HttpRequest | None) -> Any:
    """Use up a code of the user's device, or a recovery code, and return the device that it belongs to.

    Raises ValidationError if the code is wrong, or is not looked at after too many wrong ones.
    """
    device = device_of(user)
    if device is not None and not _is_of_app(code, device):
        device = StaticDevice.objects.devices_for_user(user, confirmed=True).first()
    verified = _verified(user, device, code, request)
    if isinstance(verified, StaticDevice):
        record(SecurityEvent.RECOVERY_CODE_USED, request, user=user.pk, left=recovery_codes_left(user))
    return verified


def remove(user: User) -> bool:
    """Remove the user's second factor; return False if there was none."""
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        removed, _ = TOTPDevice.objects.filter(user=user).delete()
    return bool(removed)


def _verified(user: User, device: Any, code: str, request: HttpRequest | None) -> Any:
    """Return the device, locked while it uses up the code. A wrong code counts as a failed login of the user."""
    if device is not None:
        is_allowed, why = device.verify_is_allowed()
        if not is_allowed:
            wait = max(1, math.ceil((why["locked_until"] - timezone.now()).total_seconds()))
            raise ValidationError(f"Too many wrong codes. Try again in {wait} s.", code="throttled")
        verified = django_otp.verify_token(user, device.persistent_id, _plain(code))
        if verified is not None:
            return verified
    metrics.count_login("failed")
    record(SecurityEvent.SECOND_FACTOR_FAILED, request, user=user.pk)
    LoginCounter.objects.count_attempt_by_name(user.get_username())
    raise ValidationError("This code is wrong, or was used before. Wait for the next one.", code="wrong_code")


def _plain(code: str) -> str:
    return "".join(code.split()).lower()


def _is_of_app(code: str, device: Any) -> bool:
    plain = _plain(code)
    return plain.isascii() and plain.isdigit() and len(plain) == device.digits


def _lock(user: User) -> None:
    User.objects.select_for_update(no_key=True).filter(pk=user.pk).first()


def _end_other_sessions(user: User, request: HttpRequest) -> None:
    """Log the user out everywhere else: those sessions were begun without a code."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).exclude(pk=request.session.session_key):
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()
