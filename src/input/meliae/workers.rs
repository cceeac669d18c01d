//! Pieces read by all threads of the pool, and taken in in the order of the file.

use std::sync::{Condvar, Mutex, MutexGuard};

use super::piece::Worker;
use super::whole::Whole;
use crate::error::ErrorKind;
use crate::input::Want;
use crate::input::feed::{Feed, Piece};

/// What all workers share.
struct Shared<'a> {
    /// Where pieces come from, and how many have come.
    feed: Mutex<(usize, Feed<'a>)>,
    state: Mutex<State>,
    turn: Condvar,
}

struct State {
    /// Number of the piece that is to be taken in.
    next: usize,
    whole: Whole,
    failure: Option<ErrorKind>,
    /// A worker has failed or panicked: nobody waits any more.
    stopped: bool,
}

/// Reads a dump. Returns what is known of it as a whole, and the workers with what they counted.
pub(super) fn read<'w>(feed: Feed<'_>, want: Want<'w>) -> Result<(Whole, Vec<Worker<'w>>), ErrorKind> {
    // Collapsing and graphs tell groups of all records apart by one worker's numbers.
    let threads = if want.collapse || want.heap.is_some() { 1 } else { rayon::current_num_threads() };
    let threads = threads.min(feed.pieces_at_most());
    let state = State { next: 0, whole: Whole::new(&want), failure: None, stopped: false };
    let shared = Shared { feed: Mutex::new((0, feed)), state: Mutex::new(state), turn: Condvar::new() };
    let workers = Mutex::new(Vec::new());
    let work = || {
        let mut worker = Worker::new(want);
        shared.work(&mut worker);
        if let Ok(mut workers) = workers.lock() {
            workers.push(worker);
        }
    };
    rayon::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| work());
        }
        work();
    });
    let (Ok(state), Ok(workers)) = (shared.state.into_inner(), workers.into_inner()) else { return Err(poisoned()) };
    match state.failure {
        Some(failure) => Err(failure),
        None => Ok((state.whole, workers)),
    }
}

/// The error after a panic, which ends the program by itself.
fn poisoned() -> ErrorKind {
    std::io::Error::other("a worker panicked").into()
}

impl<'a> Shared<'a> {
    fn work(&self, worker: &mut Worker<'_>) {
        let guard = StopOnPanic(self);
        let mut buffer = Vec::new();
        while let Some((number, piece)) = self.next(&mut buffer) {
            let read = piece.and_then(|piece| worker.read(&piece));
            let Some(mut state) = self.wait(number) else { break };
            match read.and_then(|()| state.whole.take(worker)) {
                Ok(kept) => {
                    state.next += 1;
                    drop(state);
                    self.turn.notify_all();
                    worker.count(&kept);
                }
                Err(failure) => {
                    state.failure = Some(failure);
                    state.stopped = true;
                    self.turn.notify_all();
                    break;
                }
            }
        }
        drop(guard);
    }

    /// The next piece and its number.
    fn next<'t>(&self, buffer: &'t mut Vec<u8>) -> Option<(usize, Result<Piece<'t>, ErrorKind>)>
    where
        'a: 't,
    {
        let mut feed = self.feed.lock().ok()?;
        let (number, feed) = &mut *feed;
        let piece = feed.next(buffer).transpose()?;
        *number += 1;
        Some((*number - 1, piece))
    }

    /// Waits until all pieces before one are taken in; None if that will not happen.
    fn wait(&self, number: usize) -> Option<MutexGuard<'_, State>> {
        let state = self.state.lock().ok()?;
        let state = self.turn.wait_while(state, |state| state.next != number && !state.stopped).ok()?;
        (!state.stopped).then_some(state)
    }
}

/// Lets the other workers go if one panics.
struct StopOnPanic<'s, 'a>(&'s Shared<'a>);

impl Drop for StopOnPanic<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = self.0.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            state.stopped = true;
            drop(state);
            self.0.turn.notify_all();
        }
    }
}
