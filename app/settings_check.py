"""What settings must be to go together: looked at once, before anything begins."""

from datetime import date
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from app.settings_values import LOOPBACK, Settings
from core.errors import Invalid


class BadSetting(Invalid):
    """A setting cannot be used."""

    code = "bad_setting"


def check(settings: Settings) -> None:
    """Pass if an installation can run by these.

    Raises:
        BadSetting: the detail names the setting.
    """
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise BadSetting("tls_certificate and tls_key go together")
    if not settings.is_loopback and settings.tls_certificate is None and not settings.behind_proxy:
        raise BadSetting(
            f"host {settings.host} can be reached from other machines: set tls_certificate and tls_key, or behind_proxy"
        )
    if not 0 <= settings.port <= 65535:
        raise BadSetting("port is a number from 0 to 65535")
    if settings.workers < 0 or settings.largest_upload_bytes < 1 or settings.largest_read_bytes < 1:
        raise BadSetting("workers is 0 or more, largest_upload_bytes and largest_read_bytes 1 or more")
    _check_servers(settings)
    _check_anchors(settings)
    _check_person_reports(settings)
    _check_retention(settings)
    _check_clamd(settings.clamd)
    _check_test_clock(settings)
    if settings.time_zone not in available_timezones():
        raise BadSetting("time_zone is a name such as Europe/Berlin")
    if settings.log_level not in ("error", "warning", "info", "debug"):
        raise BadSetting("log_level is error, warning, info or debug")


def _check_retention(settings: Settings) -> None:
    if not 1 <= settings.destroy_percent <= 100 or settings.destroy_free < 0:
        raise BadSetting("destroy_percent is 1 to 100, destroy_free 0 or more")
    if min(settings.fixity_days, settings.ceiling_alarm_days, settings.review_days) < 1:
        raise BadSetting("fixity_days, ceiling_alarm_days and review_days are 1 or more")


def _check_clamd(address: str) -> None:
    host, _, port = address.rpartition(":")
    if address and not address.startswith("/") and not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise BadSetting("clamd is an address such as 127.0.0.1:3310, or the path of its socket")


def _check_test_clock(settings: Settings) -> None:
    if not settings.test_clock:
        return
    if not settings.is_loopback or settings.behind_proxy or settings.public_url:
        raise BadSetting("test_clock goes with an address that only this machine reaches")
    servers = [each for name in _SCHEMES for each in getattr(settings, name).split(",") if each]
    if not all(urlsplit(each.strip()).hostname in LOOPBACK for each in servers):
        raise BadSetting("test_clock goes with one data folder, or with servers on this machine alone")


def _check_person_reports(settings: Settings) -> None:
    if bool(settings.person_reports_basis) != bool(settings.person_reports_until):
        raise BadSetting("person_reports_basis and person_reports_until go together")
    if settings.person_reports_until:
        try:
            date.fromisoformat(settings.person_reports_until)
        except ValueError:
            raise BadSetting("person_reports_until is a day such as 2027-06-30") from None


def _check_anchors(settings: Settings) -> None:
    if not 0 <= settings.log_retention_years <= 1000:
        raise BadSetting("log_retention_years is 0 or more")
    if settings.witness_seconds < 1:
        raise BadSetting("witness_seconds is 1 or more")
    if bool(settings.timestamp_url) != (settings.timestamp_ca is not None):
        raise BadSetting("timestamp_url and timestamp_ca go together")
    parts = urlsplit(settings.timestamp_url)
    if settings.timestamp_url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.username):
        raise BadSetting("timestamp_url is an address that begins with https:// or http://, without a password")


_SCHEMES = {
    "database": ("postgresql",),
    "objects": ("http", "https"),
    "elasticsearch": ("http", "https"),
    "broker": ("redis", "rediss", "amqp", "amqps"),
}


def _check_servers(settings: Settings) -> None:
    for name, schemes in _SCHEMES.items():
        for address in filter(None, getattr(settings, name).split(",")):
            parts = urlsplit(address.strip())
            if parts.scheme not in schemes or not parts.hostname:
                raise BadSetting(
                    f"{name} is an address that begins with {' or '.join(f'{each}://' for each in schemes)}"
                )
            if parts.password is not None:
                raise BadSetting(f"{name} must not hold a password: put it into a file, which the next setting names")
    if not settings.database and (settings.objects or settings.elasticsearch or settings.broker):
        raise BadSetting("objects, elasticsearch and broker go with a PostgreSQL database: set database as well")
    if settings.objects and settings.objects_credentials is None:
        raise BadSetting("objects needs objects_credentials")
    if settings.pkcs11_module is not None and (not settings.pkcs11_token or settings.pkcs11_pin is None):
        raise BadSetting("pkcs11_module needs pkcs11_token and pkcs11_pin")
