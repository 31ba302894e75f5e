"""What each role may do, through which token, and where."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.permissions import (
    APPROVALS,
    CONTENT,
    PERMISSIONS,
    ROLE_MEANINGS,
    ROLE_PERMISSIONS,
    ROLES,
    SCOPES,
    SYSTEM_DUTIES,
    TAKES_TWO,
    covers_installation,
)
from accounts.principal import Grant, NotAllowed, Principal, system

# One line a permission; the columns are the roles in their order, then the scope.
TABLE = """
permission            staff  records_manager  compliance_officer  dpo  auditor  administrator  scope
record.capture        yes    yes              -                   -    -        -              capture
record.read           yes    yes              -                   -    -        -              read
record.review         yes    yes              -                   -    -        -              capture
record.classify       yes    yes              -                   -    -        -              capture
version.add           yes    yes              -                   -    -        -              capture
case_file.read        yes    yes              -                   -    -        -              read
case_file.manage      yes    yes              -                   -    -        -              capture
plan.draft            -      yes              -                   -    -        -              admin
retention.read        -      yes              yes                 yes  yes      -              read
retention.publish     -      -                yes                 -    -        -              admin
trigger.state         -      yes              -                   -    -        -              capture
hold.place            -      yes              yes                 -    -        -              admin
hold.release          -      -                yes                 -    -        -              admin
disposition.prepare   -      yes              -                   -    -        -              admin
disposition.approve   -      -                yes                 -    -        -              admin
capture.withdraw      yes    yes              -                   -    -        -              capture
entity.manage         -      -                -                   -    -        yes            admin
person.read           -      -                yes                 yes  yes      yes            admin
person.manage         -      -                -                   -    -        yes            admin
grant.propose         -      -                -                   -    -        yes            admin
grant.decide          -      -                yes                 -    -        yes            admin
token.own             yes    yes              yes                 yes  yes      yes            admin
token.manage          -      -                -                   -    -        yes            admin
installation.manage   -      -                -                   -    -        yes            admin
audit.read            -      -                -                   yes  yes      -              audit
audit.verify          -      -                yes                 yes  yes      -              audit
report.decide         -      -                yes                 -    -        -              audit
file_report.make      -      -                yes                 yes  -        -              audit
withdrawal.ask        -      -                yes                 yes  -        -              audit
withdrawal.decide     -      -                yes                 -    -        -              audit
"""

HERE, ELSEWHERE = uuid4(), uuid4()
BOOKS, PEOPLE = uuid4(), uuid4()

any_grant = st.builds(
    Grant,
    st.sampled_from(ROLES),
    st.sampled_from([HERE, ELSEWHERE]),
    st.sampled_from([None, BOOKS, PEOPLE]),
    st.booleans(),
)


def person(*grants: Grant, **other: object) -> Principal:
    return Principal(id=uuid4(), kind="person", grants=frozenset(grants), **other)  # type: ignore[arg-type]


def test_the_table_of_roles_is_the_one_that_was_agreed_on():
    widths = [22, 7, 17, 20, 5, 9, 15, 0]
    rows = [["permission", *ROLES, "scope"]]
    for permission, (scope, _) in PERMISSIONS.items():
        held = ["yes" if permission in ROLE_PERMISSIONS[role] else "-" for role in ROLES]
        rows.append([permission, *held, scope])
    printed = "\n".join("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    assert f"\n{printed}\n" == TABLE


def test_every_role_permission_and_scope_is_known_and_explained():
    assert set(ROLE_PERMISSIONS) == set(ROLE_MEANINGS) == set(ROLES)
    assert frozenset().union(*ROLE_PERMISSIONS.values()) == set(PERMISSIONS)
    assert {scope for scope, _ in PERMISSIONS.values()} == set(SCOPES)
    assert all(meaning and not meaning.endswith(".") for _, meaning in PERMISSIONS.values())
    assert frozenset().union(*SYSTEM_DUTIES.values()) <= set(PERMISSIONS)


@pytest.mark.parametrize("role", ROLES)
def test_every_role_is_worth_a_second_person(role):
    assert ROLE_PERMISSIONS[role] & TAKES_TWO


@pytest.mark.parametrize("role", [role for role in ROLES if covers_installation(role)])
def test_a_role_that_covers_the_installation_opens_no_content_and_no_log(role):
    assert not ROLE_PERMISSIONS[role] & (CONTENT | {"audit.read", "audit.verify", "record.capture"})


@pytest.mark.parametrize(
    ("grant", "permission", "entity", "department", "allowed"),
    [
        pytest.param(Grant("staff", HERE, BOOKS), "record.read", HERE, BOOKS, True, id="staff read their department"),
        pytest.param(Grant("staff", HERE, BOOKS), "record.read", HERE, PEOPLE, False, id="and no other one"),
        pytest.param(Grant("staff", HERE, BOOKS), "record.read", ELSEWHERE, BOOKS, False, id="nor another entity"),
        pytest.param(Grant("staff", HERE, BOOKS), "record.read", None, None, True, id="somewhere at all"),
        pytest.param(
            Grant("records_manager", HERE), "record.read", HERE, PEOPLE, True, id="a manager every department"
        ),
        pytest.param(Grant("records_manager", HERE), "record.read", ELSEWHERE, None, False, id="of their entity only"),
        pytest.param(Grant("administrator", HERE), "grant.propose", ELSEWHERE, None, True, id="people have no entity"),
        pytest.param(
            Grant("administrator", HERE), "record.read", HERE, None, False, id="an administrator reads nothing"
        ),
        pytest.param(Grant("auditor", HERE), "audit.read", ELSEWHERE, None, False, id="an auditor stays in the entity"),
    ],
)
def test_a_permission_holds_at_the_place_of_its_grant(grant, permission, entity, department, allowed):
    principal = person(grant)
    assert principal.may(permission, entity=entity, department=department) is allowed
    if allowed:
        principal.require(permission, entity=entity, department=department)
    else:
        with pytest.raises(NotAllowed):
            principal.require(permission, entity=entity, department=department)


@given(
    st.frozensets(any_grant, max_size=4), st.sampled_from(sorted(PERMISSIONS)), st.frozensets(st.sampled_from(SCOPES))
)
def test_a_token_never_reaches_farther_than_its_person(grants, permission, scopes):
    full, narrow = person(*grants), person(*grants, scopes=scopes)
    for entity in (None, HERE, ELSEWHERE):
        assert full.may(permission, entity=entity) or not narrow.may(permission, entity=entity)
    assert narrow.may(permission) == (full.may(permission) and PERMISSIONS[permission][0] in scopes)


@given(st.frozensets(any_grant, max_size=4), st.sampled_from(sorted(PERMISSIONS)))
def test_asking_about_a_narrower_place_never_gives_more(grants, permission):
    principal = person(*grants)
    for entity in (HERE, ELSEWHERE):
        for department in (BOOKS, PEOPLE):
            if principal.may(permission, entity=entity, department=department):
                assert principal.may(permission, entity=entity)
                assert principal.may(permission)


@given(st.frozensets(any_grant, max_size=4), st.sampled_from(sorted(PERMISSIONS)))
def test_the_places_listed_for_queries_are_those_that_may_names(grants, permission):
    principal = person(*grants)
    for entity in principal.entities_for(permission):
        assert principal.may(permission, entity=entity, department=uuid4())
    for grant in grants:
        if grant.department in principal.departments_for(permission):
            assert principal.may(permission, department=grant.department)
    if not principal.may(permission):
        assert not principal.entities_for(permission) | principal.departments_for(permission)


def test_without_a_grant_nothing_is_allowed():
    assert not any(person().may(permission) for permission in PERMISSIONS)


def test_what_the_moment_withholds_is_not_held():
    principal = person(Grant("administrator", HERE), withheld=APPROVALS)
    assert principal.may("grant.propose")
    assert not principal.may("grant.decide")


def test_a_misspelt_permission_is_a_defect_and_no_refusal():
    with pytest.raises(KeyError):
        person().may("record.raed")


@pytest.mark.parametrize(
    ("grant", "clerk_here"),
    [
        pytest.param(Grant("staff", HERE, PEOPLE, named_clerk=True), True, id="named"),
        pytest.param(Grant("staff", HERE, PEOPLE), False, id="of the same department and not named"),
        pytest.param(Grant("staff", ELSEWHERE, PEOPLE, named_clerk=True), False, id="named in another entity"),
    ],
)
def test_personnel_files_are_for_named_clerks(grant, clerk_here):
    principal = person(grant)
    assert principal.is_named_clerk(HERE) is clerk_here
    assert bool(principal.clerk_departments()) is grant.named_clerk


def test_a_clerks_token_without_the_scope_is_no_clerk():
    assert not person(Grant("staff", HERE, PEOPLE, True), scopes=frozenset({"capture"})).is_named_clerk(HERE)


def test_parts_of_the_program_have_their_duties_and_no_others():
    assert system("pipeline").may("record.read", entity=HERE)
    assert not system("pipeline").may("person.manage")
    assert not system("sign_in").may("record.read")
    assert system("keeper").entities_for("record.read") == frozenset()
    with pytest.raises(KeyError):
        system("somebody")
    with pytest.raises(NotAllowed):
        _ = system("keeper").person


def test_the_log_is_told_a_department_only_where_it_is_the_only_one():
    books, both = Grant("staff", HERE, BOOKS), [Grant("staff", HERE, BOOKS), Grant("staff", HERE, PEOPLE)]
    assert person(books).actor.department == BOOKS
    assert person(*both).actor.department is None
    assert system("keeper").actor.name == "keeper"
    assert system("keeper").actor.id is None
