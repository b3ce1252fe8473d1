//! Text as words that can be compared: lower case, without what every sentence has, cut to their stems.

use std::collections::BTreeMap;

use rust_stemmers::{Algorithm, Stemmer};

/// Words that every sentence has.
const FILLERS: &str = "a about above after again all also an and any are as at be been before being below between both \
    but by can could did do does doing down during each etc few for from further had has have having he her here hers \
    him his how i if in into is it its itself just like may me more most must my need needs no nor not now of off on \
    once only or other our out over own per same shall she should so some such than that the their them then there \
    these they this those through to too under until up upon us use used using very via was we were what when where \
    which while who whom why will with within without would yes yet you your";

/// A word, as it was written in lower case, and what it is compared by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) written: String,
    pub(crate) stem: String,
}

/// Cuts text into words. Keeps the fillers' list and the stemmer, so make it once for many texts.
pub(crate) struct Reader {
    stemmer: Stemmer,
    fillers: Vec<&'static str>,
}

impl Reader {
    pub(crate) fn new() -> Self {
        let mut fillers: Vec<_> = FILLERS.split_whitespace().collect();
        fillers.sort_unstable();
        Self { stemmer: Stemmer::create(Algorithm::English), fillers }
    }

    /// The words of a text in their order, without fillers and bare numbers.
    pub(crate) fn words(&self, text: &str) -> Vec<Word> {
        tokens(text)
            .filter(|token| self.fillers.binary_search(&token.as_str()).is_err())
            .filter(|token| !token.chars().all(|c| c.is_ascii_digit()))
            .map(|written| Word { stem: self.stemmer.stem(&written).into_owned(), written })
            .collect()
    }

    /// Every word of a text, for phrases that people write in rules.
    pub(crate) fn phrase(&self, text: &str) -> Vec<String> {
        tokens(text).map(|token| self.stemmer.stem(&token).into_owned()).collect()
    }
}

/// A bag of words: how much each stem weighs, and a way it was written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bag {
    /// By stem.
    pub(crate) weights: BTreeMap<String, f64>,
    /// A written form by stem.
    pub(crate) written: BTreeMap<String, String>,
}

impl Bag {
    /// Adds every word of `text` with this weight.
    pub(crate) fn add(&mut self, reader: &Reader, text: &str, weight: f64) {
        for Word { written, stem } in reader.words(text) {
            self.written.entry(stem.clone()).or_insert(written);
            *self.weights.entry(stem).or_default() += weight;
        }
    }

    /// Adds every two words that stand side by side in `text`, with this weight.
    pub(crate) fn add_pairs(&mut self, reader: &Reader, text: &str, weight: f64) {
        let words = reader.words(text);
        for (first, second) in words.iter().zip(words.iter().skip(1)) {
            *self.weights.entry(format!("{} {}", first.stem, second.stem)).or_default() += weight;
        }
    }
}

/// Runs of letters and digits in lower case; `c++`, `c#` and the like stay whole.
fn tokens(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '+' | '#')))
        .map(|run| match run.trim_start_matches(['+', '#']) {
            named if named.len() <= 4 => named,
            named => named.trim_end_matches(['+', '#']),
        })
        .filter(|run| run.chars().any(char::is_alphanumeric))
        .map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(text: &str) -> Vec<String> {
        Reader::new().words(text).into_iter().map(|word| word.stem).collect()
    }

    #[test]
    fn forms_of_a_word_are_one_and_fillers_and_numbers_are_none() {
        assert_eq!(stems("Configure the Deployments"), stems("configuring 3 deployment"));
        assert_eq!(stems("what is it for?"), Vec::<String>::new());
    }

    #[test]
    fn languages_with_a_sign_in_their_name_stay_whole() {
        assert_eq!(stems("C++, C# and node.js (#12)"), ["c++", "c#", "node", "js"]);
    }
}
