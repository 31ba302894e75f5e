"""The mapping from the record classes of the retention facts to the file plan."""

import os
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from records import file_plan
from retention import facts
from retention.facts import InvalidMapping, Match

MAPPING = facts.load()
PLAN = file_plan.load()
STARTER_FACTS = Path(
    os.environ.get("MUNIMENT_RETENTION_FACTS", Path(__file__).parents[3] / "shared" / "retention-facts.yaml")
)

RECORD_CLASS_NAMES = """
accident_report accounting_process_documentation accounting_voucher accounting_voucher_financial_sector
accounting_voucher_plc annual_accounts annual_leave_record breach_register cctv_recording commercial_letter
consent_record consumer_electronic_contract contract data_subject_request_case employment_eligibility_form
erased_or_rectified_personal_data fixed_asset_document hazardous_exposure_register health_safety_record
health_surveillance_record immovable_property_tax invoice job_application_rejected kyc_file minimum_wage_record
occupational_risk_assessment payroll payroll_flsa personnel_file personnel_file_pre_2019 personnel_register
reference_letter_data right_to_work_check social_contribution social_insurance_payroll tax_document wage_account
wage_tax_statement_and_id whistleblower_report working_time_record working_time_record_day_rate
working_time_record_minimum_wage working_time_record_pre_2019
"""
RECORD_CLASSES = RECORD_CLASS_NAMES.split()


def test_every_record_class_of_the_facts_is_mapped_and_no_other():
    assert len(RECORD_CLASSES) == 43
    assert set(MAPPING.fact_classes) == set(RECORD_CLASSES)


@pytest.mark.skipif(not STARTER_FACTS.exists(), reason="the starter retention facts are not at hand")
def test_the_list_is_that_of_the_starter_facts():
    rules = yaml.safe_load(STARTER_FACTS.read_text())["rules"]
    assert {rule["record_class"] for rule in rules} == set(RECORD_CLASSES)


def test_every_mapped_class_is_in_the_file_plan_and_can_hold_records():
    for fact_class in MAPPING.fact_classes.values():
        assert not any(PLAN.get(code).group for code in fact_class.classes)


@given(st.sampled_from([c.code for c in PLAN.fileable()]))
def test_a_class_is_concerned_by_whatever_concerns_the_class_above_it(code):
    of_class = {m.record_class for m in MAPPING.matches(code, RECORD_CLASSES, {})}
    for ancestor in PLAN.ancestors(code):
        assert {m.record_class for m in MAPPING.matches(ancestor, RECORD_CLASSES, {})} <= of_class


BANK = {("entity", "sector"): "bank"}
SHOP = {("entity", "sector"): "retail"}
HIRED_EARLY = {("case_file", "hire_date"): date(2018, 12, 31)}
HIRED_LATE = {("case_file", "hire_date"): date(2019, 1, 1)}
VOUCHERS = ["accounting_voucher", "accounting_voucher_financial_sector"]
FILES = ["personnel_file", "personnel_file_pre_2019"]


@pytest.mark.parametrize(
    ("code", "stated", "known", "expected"),
    [
        pytest.param("supplier_invoice", ["invoice", "contract"], {}, {"invoice": True}, id="a child of a class"),
        pytest.param("receipt", VOUCHERS, BANK, {VOUCHERS[1]: True}, id="a bank's voucher follows the bank's rule"),
        pytest.param("receipt", VOUCHERS, SHOP, {VOUCHERS[0]: True}, id="a shop's voucher follows the common rule"),
        pytest.param(
            "receipt", VOUCHERS, {}, {VOUCHERS[0]: True, VOUCHERS[1]: False}, id="sector unknown: both, one not certain"
        ),
        pytest.param(
            "receipt", VOUCHERS[:1], BANK, {VOUCHERS[0]: True}, id="a bank where the law has no rule for banks"
        ),
        pytest.param("warning", FILES, HIRED_EARLY, {FILES[1]: True}, id="hired on the last day of 2018"),
        pytest.param("warning", FILES, HIRED_LATE, {FILES[0]: True}, id="hired on the first day of 2019"),
        pytest.param(
            "warning", FILES[:1], HIRED_EARLY, {FILES[0]: True}, id="hired early, where the law has no such rule"
        ),
        pytest.param(
            "cv",
            ["job_application_rejected"],
            {("case_file", "application_outcome"): "hired"},
            {},
            id="the application of somebody hired",
        ),
        pytest.param("manual", RECORD_CLASSES, {}, {}, id="no law asks for a manual"),
    ],
)
def test_record_classes_that_concern(code, stated, known, expected):
    assert MAPPING.matches(code, stated, known) == tuple(Match(*item) for item in expected.items())


def test_a_fact_of_another_type_counts_as_not_known():
    condition = MAPPING.fact_classes["personnel_file_pre_2019"].when
    assert condition is not None
    assert condition.holds({("case_file", "hire_date"): "2018"}) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("classes: {}", "shape", id="no conditions"),
        pytest.param("conditions: {}\nclasses: {a: {classes: [nothing]}}", "does not have", id="an unknown class"),
        pytest.param("conditions: {}\nclasses: {a: {classes: [cv], when: x}}", "condition x", id="unknown condition"),
        pytest.param(
            "conditions: {x: {of: moon, fact: f, equals: true}}\nclasses: {}", "not a condition", id="unknown holder"
        ),
        pytest.param(
            "conditions: {x: {of: record, fact: f, before: soon}}\nclasses: {}", "does not go", id="before a word"
        ),
        pytest.param(
            "conditions: {}\nclasses: {a: {classes: [cv], instead_of: b}}", "instead", id="instead of nothing known"
        ),
        pytest.param("[", "shape", id="no YAML"),
    ],
)
def test_a_mapping_is_refused_with_the_reason_for(text, says):
    with pytest.raises(InvalidMapping, match=says):
        facts.parse(text.encode(), PLAN)
