//! One policy, two programs: every request of the examples, of the scenario of the proxies, and of
//! the corpus in this folder gets the same outcome, reason and identity from `forward-auth` and from
//! `gateway`, and has both ask the same of backends.

#![cfg(test)]

mod corpus;
mod own;
mod pair;
mod purse;
mod verdict;

use ztag_test_support::Failure;

use corpus::{Corpus, examples, scenario};
use own::own;
use pair::Pair;

#[test]
fn both_programs_judge_the_examples_alike() -> Result<(), Failure> {
    let corpora = examples()?;
    assert!(corpora.len() > 4, "the examples are elsewhere");
    check(&corpora)
}

#[test]
fn both_programs_judge_the_scenario_alike() -> Result<(), Failure> {
    check(&[scenario()?])
}

#[test]
fn both_programs_judge_tokens_and_certificates_alike() -> Result<(), Failure> {
    check(&own()?)
}

fn check(corpora: &[Corpus]) -> Result<(), Failure> {
    let mut deviations = Vec::new();
    for corpus in corpora {
        let pair = Pair::start(corpus).map_err(|failure| failure.during(&corpus.name))?;
        let played = corpus
            .cases
            .iter()
            .map(|case| Ok((case, pair.play(corpus, case)?)));
        // The reasons of all of them are in the logs by the time the first one is looked for.
        for (case, verdicts) in played.collect::<Result<Vec<_>, Failure>>()? {
            let found = pair.compare(case, verdicts)?;
            let place = format!("{}: {}", corpus.name, case.name);
            deviations.extend(found.iter().map(|what| format!("{place}: {what}")));
        }
    }
    if deviations.is_empty() {
        return Ok(());
    }
    Err(Failure::new(deviations.join("\n")))
}
