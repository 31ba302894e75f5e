"""Which events a case file is asked for first."""

from records import case_file


def test_a_personnel_file_asks_for_employment_before_contracts() -> None:
    offered = case_file.triggers_for("personnel")
    assert offered.index("employment_end") < offered.index("contract_start")
    assert offered[0] == "hire_date"
    assert sorted(offered) == sorted(case_file.TRIGGERS), "none is lost"


def test_a_contract_asks_for_the_contract_first() -> None:
    assert case_file.triggers_for("contract")[0] == "contract_start"
