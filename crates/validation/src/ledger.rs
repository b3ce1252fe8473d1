//! What the agents say they did: a file outside the repository that the system never sees.

use std::collections::{BTreeMap, HashMap};

/// How attempts went, by task and number.
#[derive(Debug, Default)]
pub struct Ledger {
    attempts: Vec<(String, i64, String)>,
}

impl Ledger {
    /// Reads the lines that the agents wrote: task, number of the attempt, how it went.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let entry = |line: &str| {
            let mut words = line.split_whitespace();
            let (task, number, how) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
            Some((task.to_owned(), number, how.to_owned()))
        };
        Self { attempts: text.lines().filter_map(entry).collect() }
    }

    /// How many attempts there were.
    #[must_use]
    pub fn attempts(&self) -> usize {
        self.attempts.len()
    }

    /// Whether there is anything about this attempt.
    #[must_use]
    pub fn knows(&self, key: &str, number: i64) -> bool {
        self.attempts.iter().any(|(task, other, _)| task == key && *other == number)
    }

    /// How many went wrong, by how.
    #[must_use]
    pub fn wrong(&self) -> BTreeMap<&str, usize> {
        let mut wrong = BTreeMap::new();
        for (.., how) in self.attempts.iter().filter(|(.., how)| how != "well") {
            *wrong.entry(how.as_str()).or_default() += 1;
        }
        wrong
    }

    /// Which of the landed attempts, as task and number, the agents themselves say went wrong.
    #[must_use]
    pub fn landed_wrong(&self, landed: &HashMap<String, i64>) -> Vec<String> {
        let wrong =
            self.attempts.iter().filter(|(task, number, how)| how != "well" && landed.get(task) == Some(number));
        wrong.map(|(task, number, how)| format!("attempt {number} of {task} landed, and its agent {how}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_that_went_wrong_are_told_from_those_that_went_well() {
        let ledger = Ledger::read("1.1 1 hangs\n1.1 2 well\n1.2 1 well\n");
        assert_eq!((ledger.attempts(), ledger.wrong()), (3, BTreeMap::from([("hangs", 1)])));
        assert!(ledger.landed_wrong(&HashMap::from([("1.1".to_owned(), 2)])).is_empty());
        assert_eq!(ledger.landed_wrong(&HashMap::from([("1.1".to_owned(), 1)])).len(), 1);
    }
}
