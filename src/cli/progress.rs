//! Progress on standard error: only on a terminal, only past half a second, gone at the end.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that takes less shows no progress.
const PATIENCE: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(100);
const WITH_TOTAL: &str = "{msg} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left";
const WITHOUT_TOTAL: &str = "{msg} {bytes} {binary_bytes_per_sec}";

/// Watches the work and draws a line about it.
pub struct Watcher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Inputs being read, the one begun first in front.
    current: Mutex<Vec<Current>>,
    ended: AtomicBool,
}

struct Current {
    message: String,
    done: Arc<AtomicU64>,
    total: Option<u64>,
    begun: bool,
}

impl Watcher {
    /// Begins to watch, unless nobody would see it.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        let shared = Arc::new(Shared::default());
        let visible = !quiet && std::io::stderr().is_terminal();
        let thread = visible.then(|| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || watch(&shared))
        });
        Self { shared, thread }
    }
}

impl crate::load::Progress for Watcher {
    fn begin(&self, path: &str, done: &Arc<AtomicU64>, total: Option<u64>) {
        if let Ok(mut current) = self.shared.current.lock() {
            let message = format!("reading {}", crate::text::fit(&crate::text::safe_name(path), 40, "..."));
            current.push(Current { message, done: Arc::clone(done), total, begun: false });
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic there has been reported by the panic hook; the result stands without a progress line.
            let _ = thread.join();
        }
    }
}

fn watch(shared: &Shared) {
    let start = Instant::now();
    let mut bar: Option<ProgressBar> = None;
    while !shared.ended.load(Ordering::Acquire) {
        std::thread::park_timeout(TICK);
        if start.elapsed() < PATIENCE {
            continue;
        }
        let Ok(mut current) = shared.current.lock() else { break };
        // Nobody but this list counts the bytes of an input that has been read.
        current.retain(|input| Arc::strong_count(&input.done) > 1);
        let Some(current) = current.first_mut() else { continue };
        let bar = bar.get_or_insert_with(|| ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()));
        if !current.begun {
            current.begun = true;
            let template = if current.total.is_some() { WITH_TOTAL } else { WITHOUT_TOTAL };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_message(current.message.clone());
            if let Some(total) = current.total {
                bar.set_length(total);
            }
            bar.reset_eta();
        }
        bar.set_position(current.done.load(Ordering::Relaxed));
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}
