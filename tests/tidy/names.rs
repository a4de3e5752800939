//! Stages, reasons and codes.

use ztag_test_support::Failure;
use ztag_types::{Code, ReasonCode, StageName};

use crate::page::Page;

#[test]
fn the_nine_stages_are_those_of_the_code() -> Result<(), Failure> {
    let names: Vec<_> = StageName::ALL.iter().map(|stage| stage.as_str()).collect();
    Page::open("stages.md")?.expect_names("stages", 1, &names)
}

#[test]
fn every_reason_is_explained() -> Result<(), Failure> {
    let names: Vec<_> = ReasonCode::ALL.iter().map(|code| code.as_str()).collect();
    Page::open("decision-model.md")?.expect_names("reasons", 0, &names)
}

#[test]
fn every_diagnostic_code_has_its_chapter() -> Result<(), Failure> {
    let page = Page::open("config.md")?;
    let headings = page.part("codes")?.lines();
    let headings = headings.filter_map(|line| line.strip_prefix("### "));
    let written: Vec<_> = headings.map(|rest| rest.split(' ').next()).collect();
    let real: Vec<_> = Code::ALL.iter().map(|code| Some(code.as_str())).collect();
    if written == real {
        return Ok(());
    }
    let text = format!("design/config.md explains {written:?}, the code has {real:?}");
    Err(Failure::new(text))
}
