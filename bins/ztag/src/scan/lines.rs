//! JSON Lines in, JSON Lines out, in the same order.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use serde_json::{Value as Json, json};
use ztag_ai_security::Scratch;

use super::answer::{Asked, Examiner};
use crate::progress::Progress;

/// Longest line, in bytes; a longer one gets an error for an answer.
const LONGEST_LINE: usize = 16 * 1024 * 1024;

/// Lines examined together, at most; fewer when no more have come.
const BATCH: usize = 512;

/// Bytes of lines examined together, about.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// A line, or why there is none.
type Line = Result<Vec<u8>, String>;

/// Answers every line of `files`, or of standard input if there are none.
///
/// # Errors
/// When a file cannot be read, or standard output not be written.
pub(super) fn run(
    files: &[PathBuf],
    examiner: &Examiner,
    jobs: NonZeroUsize,
) -> Result<(), String> {
    let (sender, receiver) = sync_channel(BATCH);
    thread::scope(|scope| {
        let reader = scope.spawn(move || send_all(files, &sender));
        let answered = answer_all(&receiver, examiner, jobs);
        // Lets a reader go that waits to send.
        drop(receiver);
        let read = reader
            .join()
            .unwrap_or_else(|_| Err("the reader died".to_owned()));
        answered
            .map_err(|error| format!("standard output: {error}"))
            .and(read)
    })
}

fn send_all(files: &[PathBuf], sender: &SyncSender<Line>) -> Result<(), String> {
    if files.is_empty() {
        return send(io::stdin().lock(), sender)
            .map_err(|error| format!("standard input: {error}"));
    }
    for file in files {
        let sent = if file.as_os_str() == "-" {
            send(io::stdin().lock(), sender)
        } else {
            File::open(file).and_then(|file| send(BufReader::new(file), sender))
        };
        sent.map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

fn send(mut input: impl BufRead, sender: &SyncSender<Line>) -> io::Result<()> {
    while let Some(line) = next_line(&mut input)? {
        if sender.send(line).is_err() {
            break;
        }
    }
    Ok(())
}

/// The next line without its end; `None` at the end of the input.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    let limit = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX) + 1;
    if input.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > LONGEST_LINE {
        input.skip_until(b'\n')?;
        let problem = format!("the line is longer than {LONGEST_LINE} bytes");
        return Ok(Some(Err(problem)));
    }
    Ok(Some(Ok(line)))
}

fn answer_all(lines: &Receiver<Line>, examiner: &Examiner, jobs: NonZeroUsize) -> io::Result<()> {
    let progress = Progress::towards(None, "lines");
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut done = 0;
    while let Ok(first) = lines.recv() {
        let batch = batch(first, lines)
            .into_iter()
            .zip(done + 1..)
            .collect::<Vec<_>>();
        done += batch.len();
        for answer in answer(&batch, examiner, jobs) {
            out.write_all(answer.as_bytes())?;
        }
        // Whoever sent one line and waits for its answer gets it.
        out.flush()?;
        progress.show(done);
    }
    Ok(())
}

/// `first` and the lines that are there already.
fn batch(first: Line, lines: &Receiver<Line>) -> Vec<Line> {
    let size = |line: &Line| line.as_ref().map_or(0, Vec::len);
    let mut bytes = size(&first);
    let mut batch = vec![first];
    while batch.len() < BATCH && bytes < BATCH_BYTES {
        let Ok(line) = lines.try_recv() else {
            break;
        };
        bytes += size(&line);
        batch.push(line);
    }
    batch
}

/// The answers to `batch`, each with the end of its line.
fn answer(batch: &[(Line, usize)], examiner: &Examiner, jobs: NonZeroUsize) -> Vec<String> {
    let share = batch.len().div_ceil(jobs.get()).max(1);
    let answer_share = |share: &[(Line, usize)]| {
        let mut scratch = Scratch::default();
        let answers = share
            .iter()
            .map(|(line, number)| one(line, *number, examiner, &mut scratch));
        answers.collect::<Vec<_>>()
    };
    if share >= batch.len() {
        return answer_share(batch);
    }
    thread::scope(|scope| {
        let workers = batch
            .chunks(share)
            .map(|share| (share, scope.spawn(|| answer_share(share))));
        let workers = workers.collect::<Vec<_>>();
        let answers = workers.into_iter().flat_map(|(share, worker)| {
            let died = |_| {
                share
                    .iter()
                    .map(|(_, number)| problem(&Json::Null, *number, "the guard failed"))
                    .collect()
            };
            worker.join().unwrap_or_else(died)
        });
        answers.collect()
    })
}

fn one(line: &Line, number: usize, examiner: &Examiner, scratch: &mut Scratch) -> String {
    let line = match line {
        Ok(line) => line,
        Err(error) => return problem(&Json::Null, number, error),
    };
    match serde_json::from_slice::<Asked>(line) {
        Ok(asked) => {
            let answer = examiner.examine(scratch, &asked);
            serde_json::to_string(&answer).map_or_else(
                |error| problem(&asked.id, number, &error.to_string()),
                |answer| format!("{answer}\n"),
            )
        }
        Err(error) => problem(&id(line), number, &error.to_string()),
    }
}

/// The id of a line that is JSON but does not hold a text.
fn id(line: &[u8]) -> Json {
    let line = serde_json::from_slice(line).unwrap_or(Json::Null);
    line.get("id").cloned().unwrap_or(Json::Null)
}

fn problem(id: &Json, number: usize, error: &str) -> String {
    format!("{}\n", json!({ "id": id, "error": error, "line": number }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &str) -> Vec<Line> {
        let mut input = io::Cursor::new(input);
        std::iter::from_fn(|| next_line(&mut input).unwrap()).collect()
    }

    #[test]
    fn lines_end_with_or_without_a_newline() {
        for (input, count) in [("", 0), ("a", 1), ("a\n", 1), ("a\n\nb", 3), ("\n", 1)] {
            assert_eq!(lines(input).len(), count, "{input:?}");
        }
    }

    #[test]
    fn a_line_too_long_is_one_error_and_the_next_is_read() {
        let input = format!("{}\nnext\n", "x".repeat(LONGEST_LINE + 5));
        let lines = lines(&input);
        assert!(lines[0].is_err());
        assert_eq!(lines[1], Ok(b"next".to_vec()));
        assert_eq!(lines.len(), 2);
    }
}
