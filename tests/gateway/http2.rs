//! HTTP/2 as badly as it can be spoken (RFC 9113, RFC 7541): what ends a stream, what ends the
//! connection, what is ignored, and what no client can make the gateway do.

mod floods;
mod flow;
mod requests;
mod table;
mod websocket;

use ztag_test_support::h2::{Ending, Http2};
use ztag_test_support::{Connection, Failure, MockServer};

use crate::house::House;
use table::{CASES, Case, Expect};

#[test]
fn every_violation_ends_as_the_standard_says() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    let mut deviations = Vec::new();
    for case in CASES {
        let ending = play(&house, case)?;
        if !case.expect.holds(&ending) {
            deviations.push(format!(
                "{}: {ending:?} instead of {:?}",
                case.name, case.expect
            ));
        }
    }
    // Nothing of all that was taken for a request, and nobody else is bothered.
    let arrived = upstream.take_recorded();
    let unwanted = arrived.iter().filter(|request| request.path() != "/open");
    deviations.extend(unwanted.map(|request| format!("the upstream has seen {request:?}")));
    if house.status("/orders/7") != Some(200) {
        deviations.push("the gateway does not answer any more".to_owned());
    }
    if deviations.is_empty() {
        return Ok(());
    }
    Err(Failure::new(deviations.join("\n")))
}

fn play(house: &House, case: &Case) -> Result<Ending, Failure> {
    let connection = Connection::open(house.address())?;
    if case.is_raw {
        let mut raw = Http2::raw(connection);
        // A peer that hangs up in the middle of it has answered.
        let _ = (case.act)(&mut raw);
        return Ok(raw.ending());
    }
    let mut http2 = Http2::begin(connection)?;
    let _ = (case.act)(&mut http2);
    Ok(match case.expect {
        Expect::Ignored => http2.settle(),
        // An answer to a PING may overtake it.
        _ => http2.ending(),
    })
}

/// A connection that speaks HTTP/2 by prior knowledge (section 3.3).
fn begin(house: &House) -> Result<Http2, Failure> {
    Ok(Http2::begin(Connection::open(house.address())?)?)
}
