//! Attacks on both programs, as bytes on the wire: `cases.yaml` through every door behind one policy.
//! Numbers are classes of `design/threat-model.md`.

#![cfg(test)]

mod caches;
mod case;
mod framing;
mod taken_away;
mod tokens;

use ztag_test_support::door::{Observed, doors};
use ztag_test_support::{Failure, mismatches};

use case::{Arrival, CaseRequest, Expect, cases, identity, policy};

#[test]
fn attack_01_dot_segments_pass_no_door() -> Result<(), Failure> {
    check(1)
}

#[test]
fn attack_02_encoded_slashes_pass_no_door() -> Result<(), Failure> {
    check(2)
}

#[test]
fn attack_03_double_slashes_pass_no_door() -> Result<(), Failure> {
    check(3)
}

#[test]
fn attack_04_fragments_hide_nothing() -> Result<(), Failure> {
    check(4)
}

#[test]
fn attack_05_path_parameters_pass_no_door() -> Result<(), Failure> {
    check(5)
}

#[test]
fn attack_06_the_upstream_gets_what_was_judged() -> Result<(), Failure> {
    check(6)
}

#[test]
fn attack_07_a_host_is_one_host_in_every_spelling() -> Result<(), Failure> {
    check(7)
}

#[test]
fn attack_08_a_host_is_nothing_but_a_host() -> Result<(), Failure> {
    check(8)
}

#[test]
fn attack_09_bytes_that_texts_do_not_hold_pass_no_door() -> Result<(), Failure> {
    check(9)
}

#[test]
fn attack_10_the_method_sent_is_the_method_judged() -> Result<(), Failure> {
    check(10)
}

#[test]
fn attack_11_forwarding_words_of_clients_decide_nothing() -> Result<(), Failure> {
    check(11)
}

#[test]
fn attack_12_aliases_of_headers_reach_nobody() -> Result<(), Failure> {
    check(12)
}

#[test]
fn attack_13_forwarding_headers_are_believed_of_nobody() -> Result<(), Failure> {
    check(13)
}

#[test]
fn attack_14_connection_deletes_no_identity() -> Result<(), Failure> {
    check(14)
}

#[test]
fn attack_15_identity_never_comes_from_the_client() -> Result<(), Failure> {
    check(15)
}

#[test]
fn attack_16_chains_of_clients_are_not_believed() -> Result<(), Failure> {
    check(16)
}

#[test]
fn attack_17_what_is_judged_is_said_once() -> Result<(), Failure> {
    check(17)
}

#[test]
fn attack_18_no_control_header_opens_a_door() -> Result<(), Failure> {
    check(18)
}

#[test]
fn attack_19_health_checkers_are_clients_like_others() -> Result<(), Failure> {
    check(19)
}

#[test]
fn attack_20_bytes_that_are_no_text_are_refused() -> Result<(), Failure> {
    check(20)
}

/// Sends every request of a class through every door, and reports every deviation at once.
fn check(class: u8) -> Result<(), Failure> {
    let cases = cases(class)?;
    let mut deviations = Vec::new();
    for door in doors(&policy()?)? {
        let requests = cases
            .iter()
            .flat_map(|case| case.requests.iter().map(move |request| (case, request)));
        let played = requests.map(|(case, request)| {
            let observed = door.knock(&request.knock())?;
            Ok((case, request, observed))
        });
        for (case, request, observed) in played.collect::<Result<Vec<_>, Failure>>()? {
            let reason = door.reason(&observed)?;
            let expect = case.expect(request, door.name());
            let found = judge(expect, request, &observed, reason.as_deref());
            let place = format!("{} at {}", case.name, door.name());
            let told = found
                .iter()
                .map(|what| format!("{place}: {request}: {what}"));
            deviations.extend(told);
        }
    }
    report(&deviations)
}

/// Fails with one line per deviation, when there is any.
fn report(deviations: &[String]) -> Result<(), Failure> {
    if deviations.is_empty() {
        return Ok(());
    }
    Err(Failure::new(deviations.join("\n")))
}

fn judge(
    expect: &Expect,
    request: &CaseRequest,
    observed: &Observed,
    reason: Option<&str>,
) -> Vec<String> {
    match expect {
        Expect::Refused(wanted) => turned_away(observed, reason, wanted, true),
        Expect::Denied(wanted) => turned_away(observed, reason, wanted, false),
        Expect::Passed(arrival) => passed(observed, reason, arrival, &request.target),
    }
}

fn turned_away(
    observed: &Observed,
    reason: Option<&str>,
    wanted: &str,
    by_parser: bool,
) -> Vec<String> {
    let mut deviations = Vec::new();
    let refused = |status| (400..500).contains(&status);
    match (observed.status, reason) {
        (Some(status), _) if !refused(status) => deviations.push(format!("status {status}")),
        (_, Some(found)) if found != wanted => {
            deviations.push(format!("reason `{found}` instead of `{wanted}`"));
        }
        (_, None) if !by_parser => deviations.push(format!("was not judged: {observed:?}")),
        _ => {}
    }
    if let Some(arrived) = observed.arrived.as_deref().filter(|all| !all.is_empty()) {
        deviations.push(format!("the upstream has seen {arrived:?}"));
    }
    deviations
}

fn passed(
    observed: &Observed,
    reason: Option<&str>,
    arrival: &Arrival,
    target: &str,
) -> Vec<String> {
    let mut deviations = Vec::new();
    if observed.status != Some(200) {
        let status = observed.status;
        deviations.push(format!("status {status:?} for {reason:?}"));
    }
    deviations.extend(mismatches(&observed.identity, &identity()));
    match observed.arrived.as_deref() {
        None => {}
        Some([request]) => {
            deviations.extend(mismatches(&request.headers, &arrival.headers));
            let wanted = arrival.target.as_deref().unwrap_or(target);
            if request.target != wanted {
                deviations.push(format!("the upstream was asked for `{}`", request.target));
            }
        }
        Some(all) => deviations.push(format!("the upstream was asked {} times", all.len())),
    }
    deviations
}
