//! Reads that are asked before it is their turn, so that those of one question are under way together.
//!
//! Takes the reads that are due by now, again and again; gives what the first of them was answered. Whoever
//! asks takes answers in one after the other, because what one says may make the next needless.

use cordon_core::look::Read;
use futures_util::future::{BoxFuture, join_all};

/// Reads of one question that are under way at one time.
const AT_ONCE: usize = 8;

/// Answers whose turn has not come.
pub(super) struct Ahead<T>(Vec<(Read, T)>);

impl<T> Ahead<T> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// What `ask` gives for the first of the reads that are `due`; nothing where none is. Where that is not at
    /// hand, it is asked with others that are not.
    pub(super) async fn next<'a>(
        &mut self,
        mut due: Vec<Read>,
        ask: &(dyn Fn(Read) -> BoxFuture<'a, T> + Sync),
    ) -> Option<T> {
        due.truncate(AT_ONCE);
        let next = due.first()?.clone();
        if !self.has(&next) {
            due.retain(|read| !self.has(read));
            let told = join_all(due.iter().cloned().map(ask)).await;
            self.0.extend(due.into_iter().zip(told));
        }
        let place = self.0.iter().position(|(read, _)| *read == next)?;
        Some(self.0.swap_remove(place).1)
    }

    fn has(&self, read: &Read) -> bool {
        self.0.iter().any(|(known, _)| known == read)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use cordon_aws::value::Value;
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use tokio::sync::Barrier;

    const OPERATIONS: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

    fn read(operation: &'static str) -> Read {
        Read {
            service: None,
            operation,
            parameters: Value::Structure(BTreeMap::new()),
        }
    }

    #[tokio::test]
    async fn what_is_due_is_asked_at_once_eight_at_a_time_and_answered_in_its_turn() {
        // Nobody passes it before eight are there.
        let barrier = Barrier::new(AT_ONCE);
        let asked = Mutex::new(Vec::new());
        let (barrier, all) = (&barrier, &asked);
        let ask = |read: Read| -> BoxFuture<'_, &'static str> {
            all.lock().unwrap().push(read.operation);
            Box::pin(async move {
                if all.lock().unwrap().len() <= AT_ONCE {
                    barrier.wait().await;
                }
                read.operation
            })
        };
        let mut ahead = Ahead::new();
        let mut todo: Vec<Read> = OPERATIONS.map(read).into();
        for (number, expected) in OPERATIONS.iter().enumerate() {
            assert_eq!(ahead.next(todo.clone(), &ask).await, Some(*expected));
            let under_way = [AT_ONCE, OPERATIONS.len()];
            assert_eq!(
                asked.lock().unwrap().len(),
                under_way[usize::from(number >= AT_ONCE)]
            );
            todo.remove(0);
        }
        assert_eq!(ahead.next(todo, &ask).await, None);
        assert_eq!(*asked.lock().unwrap(), OPERATIONS, "each once");
    }
}
