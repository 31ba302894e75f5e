"""Every setting there is, typed, with its default and its meaning.

No setting holds a secret: a password, key or PIN is in a file of its own, and the setting says where.
``docs/settings.md`` is made from this module.
"""

import os
from dataclasses import dataclass, field, fields
from pathlib import Path

PREFIX = "MUNIMENT_"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Hosts that only this machine reaches."""


def _says(meaning: str) -> dict[str, str]:
    return {"meaning": meaning}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one installation."""

    data: Path = field(default=Path("data"), metadata=_says("Data folder; everything of the embedded shape lies here."))
    host: str = field(
        default="127.0.0.1",
        metadata=_says("Address the web server binds to. Other than loopback needs TLS or a proxy."),
    )
    port: int = field(default=8470, metadata=_says("Port of the web server; 0 takes a free one."))
    tls_certificate: Path | None = field(default=None, metadata=_says("PEM file with the certificate chain for TLS."))
    tls_key: Path | None = field(default=None, metadata=_says("PEM file with the private key for TLS."))
    behind_proxy: bool = field(
        default=False, metadata=_says("A proxy in front ends TLS and sets X-Forwarded-Proto and X-Forwarded-For.")
    )
    public_url: str = field(default="", metadata=_says("How people reach Muniment, where that is not host and port."))
    keys: Path | None = field(default=None, metadata=_says("Folder of the keys; default: `keys` in the data folder."))
    log_key: Path | None = field(
        default=None,
        metadata=_says("Key file that signs the audit log, for the keeper alone; default: `log.key` with the keys."),
    )
    origin: str = field(
        default="",
        metadata=_says(
            "Origin of the audit log. Read at the very first start only; default: a random name of its own."
        ),
    )
    log_tiles_public: bool = field(
        default=False,
        metadata=_says(
            "Checkpoints and hashes of the audit log can be read without signing in, by whoever reaches the web "
            "server; its entries cannot."
        ),
    )
    workers: int = field(default=0, metadata=_says("Documents read at the same time; 0: one per processor core."))
    largest_upload_bytes: int = field(default=4 * 1024**3, metadata=_says("Largest file taken in, in bytes."))
    largest_read_bytes: int = field(
        default=256 * 1024**2, metadata=_says("Largest file whose text is read, in bytes; a larger one is kept unread.")
    )
    clamd: str = field(
        default="",
        metadata=_says(
            "Malware scanner: clamd at `host:port`, or the path of its socket. Nothing is read before it was scanned; "
            "empty: nothing is scanned."
        ),
    )
    tessdata: str = field(default="", metadata=_says("More folders with OCR models, separated by colons."))
    time_zone: str = field(default="Europe/Berlin", metadata=_says("IANA time zone of the first legal entity."))
    database: str = field(
        default="",
        metadata=_says(
            "PostgreSQL, as `postgresql://user@host:5432/name?sslmode=verify-full`, without a password; "
            "empty: SQLite in the data folder."
        ),
    )
    database_password: Path | None = field(
        default=None, metadata=_says("File with the password of the application's PostgreSQL role.")
    )
    database_owner: str = field(
        default="", metadata=_says("PostgreSQL role that owns the tables; `muniment migrate` signs in as it.")
    )
    database_owner_password: Path | None = field(default=None, metadata=_says("File with the owner's password."))
    objects: str = field(
        default="",
        metadata=_says("S3 store, as `https://s3.example.org:9000`; empty: the folder `objects` in the data folder."),
    )
    bucket: str = field(default="muniment", metadata=_says("Bucket of the S3 store; made with Object Lock if missing."))
    objects_region: str = field(default="", metadata=_says("Region of the bucket, where the store has any."))
    objects_credentials: Path | None = field(
        default=None, metadata=_says("File with two lines: access key and secret key of the S3 store.")
    )
    objects_ca: Path | None = field(
        default=None, metadata=_says("PEM file of the authority that signed the S3 store's certificate.")
    )
    object_lock_full_length: bool = field(
        default=False,
        metadata=_says(
            "Lock objects for their whole retention at once, not for 13 months at a time: a mistake stays as long."
        ),
    )
    elasticsearch: str = field(
        default="",
        metadata=_says(
            "Elasticsearch, as `https://search.example.org:9200`, several with commas; empty: the folder `index`."
        ),
    )
    elasticsearch_key: Path | None = field(default=None, metadata=_says("File with the API key for Elasticsearch."))
    elasticsearch_ca: Path | None = field(
        default=None, metadata=_says("PEM file of the authority that signed Elasticsearch's certificate.")
    )
    elasticsearch_prefix: str = field(
        default="muniment", metadata=_says("How the names of this installation's indices in Elasticsearch begin.")
    )
    broker: str = field(
        default="",
        metadata=_says(
            "Redis or RabbitMQ, as `redis://host:6379/0` or `amqp://user@host:5672/name`, without a password; "
            "empty: files in the data folder."
        ),
    )
    broker_password: Path | None = field(default=None, metadata=_says("File with the password for the broker."))
    pkcs11_module: Path | None = field(
        default=None,
        metadata=_says("PKCS#11 library of the key service; empty: the key file in the folder of the keys."),
    )
    pkcs11_token: str = field(default="", metadata=_says("Label of the PKCS#11 token."))
    pkcs11_pin: Path | None = field(default=None, metadata=_says("File with the user PIN of the PKCS#11 token."))
    witness_policy: Path | None = field(
        default=None,
        metadata=_says(
            "File of the witness policy (C2SP tlog-policy): who cosigns the log's checkpoints, and how many must."
        ),
    )
    witness_seconds: int = field(
        default=60, metadata=_says("Witnesses are asked this often at most, in seconds, and only when the log grew.")
    )
    timestamp_url: str = field(
        default="", metadata=_says("Time stamping service (RFC 3161), asked once a day; empty: nobody stamps the log.")
    )
    timestamp_ca: Path | None = field(
        default=None, metadata=_says("PEM file of the authority that must have signed the time stamps.")
    )
    log_retention_years: int = field(
        default=11,
        metadata=_says(
            "How long entries of the audit log are kept at least, in years. Older ones stay, too, until two persons "
            "withdraw them; 0: nobody can."
        ),
    )
    person_reports_basis: str = field(
        default="",
        metadata=_says(
            "What allows reports about one person's reading, as a reference such as `works-agreement/2026-03`; "
            "empty: there are none."
        ),
    )
    person_reports_until: str = field(
        default="", metadata=_says("Last day, as YYYY-MM-DD, on which that holds; it needs one.")
    )
    destroy_percent: int = field(
        default=10,
        metadata=_says(
            "One retention run destroys at most this share of a class, in percent; at more it stops until an officer "
            "lets it through."
        ),
    )
    destroy_free: int = field(
        default=50, metadata=_says("So many records of a class one run may destroy whatever their share is.")
    )
    fixity_days: int = field(
        default=90, metadata=_says("Every stored object is read and compared with its digest within so many days.")
    )
    ceiling_alarm_days: int = field(
        default=60, metadata=_says("An alarm is raised so many days before records may not be kept any longer.")
    )
    review_days: int = field(
        default=14,
        metadata=_says("A disposition waits so many days for review or approval before people are reminded."),
    )
    demo: bool = field(
        default=False, metadata=_says("Says on every page that the archive is thrown away; set by `muniment demo`.")
    )
    test_clock: bool = field(
        default=False,
        metadata=_says(
            "For tests: the clock runs ahead by the seconds that the file `test-clock` in the data folder says (on "
            "servers: in the folder of the keys). Only for an archive first started with it, on this machine alone "
            "with all its servers, and only as a variable; said on every page."
        ),
    )
    log_level: str = field(default="info", metadata=_says("error, warning, info or debug."))

    @property
    def keys_folder(self) -> Path:
        """Where the keys lie."""
        return self.keys or self.data / "keys"

    @property
    def log_key_file(self) -> Path:
        """Where the key lies that signs the audit log."""
        return self.log_key or self.keys_folder / "log.key"

    @property
    def worker_count(self) -> int:
        """How many documents are read at the same time."""
        return self.workers or max(1, os.cpu_count() or 1)

    @property
    def is_distributed(self) -> bool:
        """Whether the rows lie outside the data folder, so that processes on several machines share them."""
        return bool(self.database)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the web server."""
        return self.host in LOOPBACK

    def to_environment(self) -> dict[str, str]:
        """The same settings as variables, for child processes."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            PREFIX + name.upper(): ("1" if value else "0") if isinstance(value, bool) else str(value)
            for name, value in values.items()
            if value is not None
        }
