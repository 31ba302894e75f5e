"""the first schema"""

import sqlalchemy as sa
from alembic import op

import core.database as types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_sets",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("department", sa.Uuid(), nullable=True),
        sa.Column("record_class", sa.String(length=60), nullable=True),
        sa.Column("case_file", sa.Uuid(), nullable=True),
        sa.Column("section", sa.String(length=40), nullable=True),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("uploader", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_sets")),
        sa.UniqueConstraint("digest", name=op.f("uq_access_sets_digest")),
    )
    with op.batch_alter_table("access_sets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_access_sets_case_file"), ["case_file"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_sets_entity"), ["entity"], unique=False)

    op.create_table(
        "audit_intake",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("event_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("draft", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_intake")),
        sa.UniqueConstraint("event_id", name=op.f("uq_audit_intake_event_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "case_file_access",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_file", sa.Uuid(), nullable=False),
        sa.Column("section", sa.String(length=40), nullable=True),
        sa.Column("person", sa.Uuid(), nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=True),
        sa.Column("valid_from", types.Instant(), nullable=False),
        sa.Column("valid_to", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_file_access")),
    )
    with op.batch_alter_table("case_file_access", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_file_access_case_file"), ["case_file"], unique=False)
        batch_op.create_index("ix_case_file_access_person", ["person", "case_file"], unique=False)

    op.create_table(
        "case_files",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("owner", sa.Uuid(), nullable=False),
        sa.Column("about_person", sa.Uuid(), nullable=True),
        sa.Column("listed_only", sa.Boolean(), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_files")),
        sa.UniqueConstraint("entity", "number", name=op.f("uq_case_files_entity_number")),
    )
    with op.batch_alter_table("case_files", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_files_entity"), ["entity"], unique=False)

    op.create_table(
        "components",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("object_key", sa.String(length=80), nullable=False),
        sa.Column("object_version", sa.String(length=80), nullable=False),
        sa.Column("sealed_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("media_type", sa.String(length=120), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_components")),
        sa.UniqueConstraint("object_key", name=op.f("uq_components_object_key")),
    )
    with op.batch_alter_table("components", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_components_record"), ["record"], unique=False)
        batch_op.create_index(batch_op.f("ix_components_version"), ["version"], unique=False)

    op.create_table(
        "derived_objects",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Uuid(), nullable=False),
        sa.Column("part", sa.String(length=40), nullable=False),
        sa.Column("object_key", sa.String(length=80), nullable=False),
        sa.Column("object_version", sa.String(length=80), nullable=False),
        sa.Column("sealed_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("made_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_derived_objects")),
        sa.UniqueConstraint("object_key", name=op.f("uq_derived_objects_object_key")),
        sa.UniqueConstraint("version", "part", name=op.f("uq_derived_objects_version_part")),
    )
    with op.batch_alter_table("derived_objects", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_derived_objects_record"), ["record"], unique=False)
        batch_op.create_index(batch_op.f("ix_derived_objects_version"), ["version"], unique=False)

    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=True),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("queue", sa.String(length=20), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("ready_at", types.Instant(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", types.Instant(), nullable=True),
        sa.Column("holder", sa.String(length=120), nullable=True),
        sa.Column("key", sa.String(length=120), nullable=True),
        sa.Column("error_code", sa.String(length=60), nullable=True),
        sa.Column("added_at", types.Instant(), nullable=False),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("key", name=op.f("uq_jobs_key")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_jobs_holder"), ["holder"], unique=False)
        batch_op.create_index("ix_jobs_queue_state_ready_at", ["queue", "state", "priority", "ready_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_jobs_subject"), ["subject"], unique=False)

    op.create_table(
        "key_epochs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("issued", sa.BigInteger(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("retired_at", types.Instant(), nullable=True),
        sa.Column("destroyed_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_epochs")),
    )
    with op.batch_alter_table("key_epochs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_key_epochs_created_at"), ["created_at"], unique=False)

    op.create_table(
        "legal_entities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("jurisdiction", sa.String(length=2), nullable=False),
        sa.Column("zone", sa.String(length=60), nullable=False),
        sa.Column("fiscal_year_start", sa.String(length=5), nullable=False),
        sa.Column("holiday_calendar", sa.String(length=10), nullable=False),
        sa.Column("controller", sa.String(length=10), nullable=False),
        sa.Column("controller_name", sa.String(length=200), nullable=True),
        sa.Column("added_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_entities")),
    )
    op.create_table(
        "parties",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parties")),
        sa.UniqueConstraint("entity", "fingerprint", name=op.f("uq_parties_entity_fingerprint")),
    )
    op.create_table(
        "people",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name_fingerprint", sa.LargeBinary(length=32), nullable=True),
        sa.Column("sealed_sign_in_name", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_name", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_mail", sa.LargeBinary(), nullable=True),
        sa.Column("added_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("name_fingerprint", name=op.f("uq_people_name_fingerprint")),
    )
    op.create_table(
        "placements",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("record_class", sa.String(length=60), nullable=True),
        sa.Column("department", sa.Uuid(), nullable=True),
        sa.Column("case_file", sa.Uuid(), nullable=True),
        sa.Column("section", sa.String(length=40), nullable=True),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("placed_by", sa.Uuid(), nullable=True),
        sa.Column("valid_from", types.Instant(), nullable=False),
        sa.Column("valid_to", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_placements")),
    )
    with op.batch_alter_table("placements", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_placements_record"), ["record"], unique=False)

    op.create_table(
        "process_leases",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=120), nullable=False),
        sa.Column("until", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_process_leases")),
    )
    op.create_table(
        "record_fields",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("probability", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("page", sa.BigInteger(), nullable=True),
        sa.Column("box", sa.JSON(), nullable=True),
        sa.Column("read_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_fields")),
    )
    with op.batch_alter_table("record_fields", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_record_fields_record"), ["record"], unique=False)
        batch_op.create_index(batch_op.f("ix_record_fields_version"), ["version"], unique=False)

    op.create_table(
        "record_parties",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("party", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_parties")),
        sa.UniqueConstraint("record", "party", "role", name=op.f("uq_record_parties_record_party_role")),
    )
    with op.batch_alter_table("record_parties", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_record_parties_party"), ["party"], unique=False)
        batch_op.create_index(batch_op.f("ix_record_parties_record"), ["record"], unique=False)

    op.create_table(
        "record_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("object_key", sa.String(length=80), nullable=False),
        sa.Column("object_version", sa.String(length=80), nullable=False),
        sa.Column("sealed_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("plain_bytes", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("media_type", sa.String(length=120), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("title_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("reasons_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("trouble_code", sa.String(length=40), nullable=True),
        sa.Column("trouble_detail", sa.String(length=500), nullable=True),
        sa.Column("page_count", sa.BigInteger(), nullable=True),
        sa.Column("added_by", sa.Uuid(), nullable=True),
        sa.Column("added_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_versions")),
        sa.UniqueConstraint("object_key", name=op.f("uq_record_versions_object_key")),
        sa.UniqueConstraint("record", "ordinal", name=op.f("uq_record_versions_record_ordinal")),
    )
    with op.batch_alter_table("record_versions", schema=None) as batch_op:
        batch_op.create_index("ix_record_versions_fingerprint", ["fingerprint"], unique=False)
        batch_op.create_index(batch_op.f("ix_record_versions_record"), ["record"], unique=False)

    op.create_table(
        "records",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(length=9), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("parent", sa.Uuid(), nullable=True),
        sa.Column("direction", sa.String(length=10), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_since", types.Instant(), nullable=False),
        sa.Column("record_class", sa.String(length=60), nullable=True),
        sa.Column("classified_by", sa.String(length=10), nullable=True),
        sa.Column("probability", sa.BigInteger(), nullable=True),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("department", sa.Uuid(), nullable=True),
        sa.Column("case_file", sa.Uuid(), nullable=True),
        sa.Column("section", sa.String(length=40), nullable=True),
        sa.Column("access_set", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.String(length=3), nullable=False),
        sa.Column("document_date", sa.Date(), nullable=True),
        sa.Column("total_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("captured_by", sa.Uuid(), nullable=True),
        sa.Column("captured_at", types.Instant(), nullable=False),
        sa.Column("current_version", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_records")),
        sa.UniqueConstraint("number", name=op.f("uq_records_number")),
    )
    with op.batch_alter_table("records", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_records_access_set"), ["access_set"], unique=False)
        batch_op.create_index("ix_records_access_set_captured_at", ["access_set", "captured_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_records_case_file"), ["case_file"], unique=False)
        batch_op.create_index("ix_records_entity_state", ["entity", "state", "captured_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_records_parent"), ["parent"], unique=False)

    op.create_table(
        "setup",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("link_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("closed_at", types.Instant(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_setup_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_setup")),
    )
    op.create_table(
        "sign_in_throttles",
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("last_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_sign_in_throttles")),
    )
    op.create_table(
        "single_operator",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", types.Instant(), nullable=False),
        sa.Column("valid_to", types.Instant(), nullable=True),
        sa.Column("begun_by", sa.Uuid(), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_single_operator")),
    )
    op.create_table(
        "trigger_facts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_file", sa.Uuid(), nullable=False),
        sa.Column("trigger", sa.String(length=40), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=True),
        sa.Column("valid_from", types.Instant(), nullable=False),
        sa.Column("valid_to", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trigger_facts")),
    )
    with op.batch_alter_table("trigger_facts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_trigger_facts_case_file"), ["case_file"], unique=False)

    op.create_table(
        "upload_keys",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("received_at", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_upload_keys")),
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed_label", sa.LargeBinary(), nullable=True),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("made_at", types.Instant(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.Column("revoked_at", types.Instant(), nullable=True),
        sa.Column("used_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_api_tokens_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_tokens_digest")),
    )
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_tokens_person"), ["person"], unique=False)

    op.create_table(
        "audit_intake_openings",
        sa.Column("event_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("nonce", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["audit_intake.event_id"], name=op.f("fk_audit_intake_openings_event_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("event_id", "field", name=op.f("pk_audit_intake_openings")),
    )
    op.create_table(
        "departments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("added_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["entity"], ["legal_entities.id"], name=op.f("fk_departments_entity")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_departments")),
        sa.UniqueConstraint("entity", "name", name=op.f("uq_departments_entity_name")),
    )
    op.create_table(
        "passwords",
        sa.Column("person", sa.Uuid(), nullable=False),
        sa.Column("phc", sa.String(length=200), nullable=False),
        sa.Column("changed_at", types.Instant(), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("reset_at", types.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_passwords_person")),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_passwords")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("previous", sa.LargeBinary(length=32), nullable=True),
        sa.Column("started_at", types.Instant(), nullable=False),
        sa.Column("rotated_at", types.Instant(), nullable=False),
        sa.Column("seen_at", types.Instant(), nullable=False),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.Column("end_reason", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_sessions_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("digest", name=op.f("uq_sessions_digest")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sessions_person"), ["person"], unique=False)
        batch_op.create_index(batch_op.f("ix_sessions_previous"), ["previous"], unique=False)

    op.create_table(
        "suspensions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person", sa.Uuid(), nullable=False),
        sa.Column("valid_from", types.Instant(), nullable=False),
        sa.Column("valid_to", types.Instant(), nullable=True),
        sa.Column("begun_by", sa.Uuid(), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_suspensions_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suspensions")),
    )
    with op.batch_alter_table("suspensions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_suspensions_person"), ["person"], unique=False)

    op.create_table(
        "wrapped_keys",
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("epoch", sa.Uuid(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["epoch"], ["key_epochs.id"], name=op.f("fk_wrapped_keys_epoch")),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_wrapped_keys")),
    )
    with op.batch_alter_table("wrapped_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_wrapped_keys_epoch"), ["epoch"], unique=False)

    op.create_table(
        "grants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("department", sa.Uuid(), nullable=True),
        sa.Column("named_clerk", sa.Boolean(), nullable=False),
        sa.Column("basis", sa.String(length=16), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("valid_from", types.Instant(), nullable=False),
        sa.Column("valid_to", types.Instant(), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["department"], ["departments.id"], name=op.f("fk_grants_department")),
        sa.ForeignKeyConstraint(["entity"], ["legal_entities.id"], name=op.f("fk_grants_entity")),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_grants_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
    )
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.create_index("ix_grants_person_valid_from", ["person", "valid_from"], unique=False)

    op.create_table(
        "grant_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("entity", sa.Uuid(), nullable=False),
        sa.Column("department", sa.Uuid(), nullable=True),
        sa.Column("named_clerk", sa.Boolean(), nullable=False),
        sa.Column("until", types.Instant(), nullable=True),
        sa.Column("requested_by", sa.Uuid(), nullable=True),
        sa.Column("requested_at", types.Instant(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", types.Instant(), nullable=True),
        sa.Column("grant", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["department"], ["departments.id"], name=op.f("fk_grant_requests_department")),
        sa.ForeignKeyConstraint(["entity"], ["legal_entities.id"], name=op.f("fk_grant_requests_entity")),
        sa.ForeignKeyConstraint(["grant"], ["grants.id"], name=op.f("fk_grant_requests_grant")),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_grant_requests_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grant_requests")),
    )
    with op.batch_alter_table("grant_requests", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_grant_requests_person"), ["person"], unique=False)
        batch_op.create_index(batch_op.f("ix_grant_requests_state"), ["state"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("restore the backup taken before the upgrade")
